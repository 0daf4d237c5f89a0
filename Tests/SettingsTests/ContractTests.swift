import TOML
import Testing
import VaultCore

@testable import Settings

@Suite struct ContractTests {
    private func read(_ text: String) throws(TOMLError) -> ContextFile {
        try ContextFile(TOMLTable(parsing: Array(text.utf8).span))
    }

    @Test func `everything about a secret is read`() throws {
        let file = try read(
            """
            project = "shop"
            require = ["LISTED", "URL"]
            [secrets.URL]
            description = "The database"
            type = "url"
            required = true
            [secrets.KEY]
            generate = { length = 64, alphabet = "hex" }
            type = "string"
            [secrets.TOKEN]
            generate = true
            required = false
            [secrets.PORT]
            type = "port"
            default = "8080"
            [secrets."tls.key"]
            type = "pem"
            as = "TLS_KEY"
            file = true
            [secrets.PLAIN]
            generate = false
            file = false
            """)
        let contract = file.contract
        #expect(
            contract.declarations.map(\.name) == [
                "LISTED", "URL", "KEY", "TOKEN", "PORT", "tls.key", "PLAIN",
            ])
        #expect(contract.listed == ["LISTED", "URL"] && contract.declaredCount == 6)
        #expect(file.summary == "project shop, 2 required names, 6 declared secrets")
        let listed = try #require(contract["LISTED"])
        #expect(listed.isRequired && listed.type == nil && listed.variable == "LISTED" && !listed.isFile)
        let url = try #require(contract["URL"])
        #expect(url.description == "The database" && url.type == .url && url.isRequired)
        #expect(contract["KEY"]?.generator == ValueGenerator(length: 64, alphabet: .hex))
        #expect(contract["KEY"]?.isRequired == true)
        #expect(contract["TOKEN"]?.generator == ValueGenerator() && contract["TOKEN"]?.isRequired == false)
        #expect(contract["PORT"]?.defaultValue == "8080" && contract["PORT"]?.isRequired == false)
        let key = try #require(contract["tls.key"])
        #expect(key.variable == "TLS_KEY" && key.isFile && key.isRequired)
        #expect(contract["PLAIN"]?.generator == nil && contract["PLAIN"]?.isFile == false)
        #expect(contract["NONE"] == nil)
    }

    @Test(arguments: [
        ("secrets = 1", 1, "'secrets' must be a table"),
        ("secrets = [\"A\"]", 1, "'secrets' must be a table"),
        ("[[secrets]]\nA = {}", 1, "'secrets' must be a table"),
        ("[secrets]\nA = \"x\"", 2, "'A' must be a table"),
        ("[secrets.\"1A\"]", 1, "'1A' is not a valid name"),
        ("[secrets.A.B]\n", 1, "unknown key 'B' of the secret 'A'; the keys are description"),
        (
            "[secrets.A]\nregex = \"x\"", 2,
            "unknown key 'regex' of the secret 'A'; the keys are description, required, type, default, generate, as, file"
        ),
        ("[secrets.A]\ndescription = 1", 2, "'description' must be a string in quotes"),
        ("[secrets.A]\nrequired = \"yes\"", 2, "'required' must be true or false"),
        (
            "[secrets.A]\ntype = \"uuid\"", 2,
            "'type' must be one of string, url, json, pem, base64, int, port"
        ),
        ("[secrets.A]\ntype = true", 2, "'type' must be a string in quotes"),
        ("[secrets.A]\ndefault = 8080", 2, "'default' must be a string in quotes"),
        (
            "[secrets.A]\ntype = \"port\"\n\ndefault = \"x\"", 4,
            "'default' is not a port: not a number from 1 to 65535"
        ),
        (
            "[secrets.A]\ndefault = \"x\"\ntype = \"json\"", 2,
            "'default' is not JSON: there is an error in line 1"
        ),
        (
            "[secrets.A]\ndefault = \"x\"\nrequired = true", 3,
            "'required = true' cannot be combined with 'default'"
        ),
        ("[secrets.A]\ndefault = \"x\"\ngenerate = true", 3, "'generate' cannot be combined with 'default'"),
        (
            "[secrets.A]\ngenerate = 32", 2,
            "'generate' must be true, or a table with the keys length, alphabet"
        ),
        (
            "[secrets.A]\ngenerate = \"hex\"", 2,
            "'generate' must be true, or a table with the keys length, alphabet"
        ),
        (
            "[secrets.A]\ngenerate = { size = 3 }", 2,
            "unknown key 'size' of 'generate'; the keys are length, alphabet"
        ),
        ("[secrets.A]\ngenerate = { length = 7 }", 2, "'length' must be a number from 8 to 4096"),
        ("[secrets.A.generate]\nlength = 4097", 2, "'length' must be a number from 8 to 4096"),
        (
            "[secrets.A]\ngenerate = { alphabet = \"abc\" }", 2,
            "'alphabet' must be one of alphanumeric, hex, digits, lowercase, base64url, symbols"
        ),
        (
            "[secrets.A]\ntype = \"port\"\ngenerate = true", 3,
            "'generate' cannot make a port with this alphabet and length"
        ),
        (
            "[secrets.A]\ntype = \"base64\"\ngenerate = { length = 9 }", 3,
            "'generate' cannot make base64 with this alphabet and length"
        ),
        (
            "[secrets.A]\nas = \"a-b\"", 2,
            "'as' must be the name of a variable: letters, digits and underscores"
        ),
        ("[secrets.A]\nas = \"\"", 2, "'as' must be the name of a variable: letters, digits and underscores"),
        ("[secrets.A]\nfile = \"x\"", 2, "'file' must be true or false"),
        (
            "[secrets.\"a.b\"]\nfile = true", 2,
            "'file' needs 'as', since 'a.b' cannot be the name of a variable"
        ),
        ("[secrets.A]\n[secrets.B]\nas = \"A\"", 2, "'A' and 'B' set the same variable A"),
        ("[secrets.A]\nas = \"X\"\n[secrets.B]\nas = \"X\"", 3, "'A' and 'B' set the same variable X"),
        ("require = [\"X\"]\n[secrets.B]\nas = \"X\"", 2, "'X' and 'B' set the same variable X"),
        (
            "require = [\"A\"]\n[secrets.A]\nrequired = false", 2,
            "'A' is in 'require', but its 'required' is false"
        ),
        ("require = [\"A\"]\n[secrets.A]\ndefault = \"\"", 2, "'A' is in 'require', but it has a default"),
        ("[secrets.A]\n[secrets.A]", 2, "key 'A' is given twice"),
        ("secret = {}", 1, "unknown key 'secret'; the keys are project, cluster, require, secrets"),
    ])
    func `what contradicts the rules is an error in its line`(
        _ text: String, _ line: Int, _ message: String
    ) throws {
        let error = try #require(throws: TOMLError.self) { try read(text) }
        #expect(error.line == line && error.message.hasPrefix(message), "\(error)")
    }

    @Test func `two names may differ only in the variable`() throws {
        let file = try read("[secrets.A]\nas = \"B\"\n[secrets.B]\nas = \"A\"\n")
        #expect(file.contract.declarations.map(\.variable) == ["B", "A"])
        #expect(try read("require = [\"A\", \"A\"]").contract.declarations.count == 1)
        #expect(try read("").contract.isEmpty)
    }
}

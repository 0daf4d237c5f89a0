import Foundation
import Sodium
import TOML

@testable import Settings
@testable import VaultCore
@testable import vault

/// The fuzz target for import and export formats, references and `.vault.toml`.
public enum FormatsTarget: FuzzTarget {
    /// `formats`.
    public static let name = "formats"

    private static let imports: [ImportFormat] =
        [.dotenv(nil)] + DotenvDialect.allCases.map { .dotenv($0) } + [.json]

    /// Reads `input` as its first byte selects: an import, a template, a context file, or a value to export.
    public static func run(_ input: [UInt8]) {
        let way = Int(input.first ?? 0) % (imports.count + 3)
        let text = Array(input.dropFirst())
        switch way {
        case imports.count: checkTemplate(text)
        case imports.count + 1: checkContextFile(text)
        case imports.count + 2: checkExports(text)
        default: checkImport(text, imports[way])
        }
    }

    private static func lineCount(_ text: [UInt8]) -> Int { 1 + text.count { $0 == 10 || $0 == 13 } }

    /// Checks that imported secrets survive an export and another import in the same format.
    private static func checkImport(_ text: [UInt8], _ format: ImportFormat) {
        guard let found = read(text, format) else { return }
        for name in found.keys { require(SecretID.isValidName(name), "an imported name is valid: \(name)") }
        let (again, refused) = export(found, as: exportFormat(format))
        let back = read(again, format)
        require(back == found.filter { !refused.contains($0.key) }, "\(format) comes back: \(again)")
        switch format {
        case .json: checkJSON(text, found)
        case .dotenv(nil): checkFamily(text, found)
        case .dotenv: break
        }
    }

    /// Checks that a reader of the whole text and the others agree.
    private static func checkFamily(_ text: [UInt8], _ found: [String: [UInt8]]) {
        for dialect in DotenvDialect.family {
            if let own = read(text, .dotenv(dialect)) {
                require(own == found, "\(dialect) reads \(own), the family \(found)")
            }
        }
    }

    private static func checkJSON(_ text: [UInt8], _ found: [String: [UInt8]]) {
        let point: [UInt8] = [0xEF, 0xBB, 0xBF]
        let content = text.starts(with: point) ? Array(text.dropFirst(3)) : text
        // Foundation also removes byte order marks inside strings.
        let values = found.values.map { String(decoding: $0, as: UTF8.self) }
        if values.contains(where: { $0.unicodeScalars.contains("\u{FEFF}") }) { return }
        let object = try? JSONSerialization.jsonObject(with: Data(content))
        guard let strings = object as? [String: String] else { broken("no object of strings for Foundation") }
        require(strings.mapValues { Array($0.utf8) } == found, "Foundation reads \(strings), not \(found)")
    }

    private static func read(_ text: [UInt8], _ format: ImportFormat) -> [String: [UInt8]]? {
        do throws(UnreadableText) {
            let assignments = try Assignments.read(text.span, as: format)
            var result: [String: [UInt8]] = [:]
            for name in assignments.names {
                result[name] = assignments.withValue(of: name) { $0.copied }
                require((1...lineCount(text)).contains(assignments.line(of: name)), "a line that there is")
            }
            return result
        } catch {
            require((1...lineCount(text)).contains(error.line), "an error in a line that there is: \(error)")
            return nil
        }
    }

    private static func exportFormat(_ format: ImportFormat) -> ExportFormat {
        switch format {
        case .json: .json
        case .dotenv(let dialect): .dotenv(dialect)
        }
    }

    private static func export(
        _ secrets: [String: [UInt8]], as format: ExportFormat
    ) -> (text: [UInt8], refused: [String]) {
        do throws(SodiumError) {
            var export = try Export(as: format)
            for (name, value) in secrets.sorted(by: { $0.key < $1.key }) {
                try export.add(name, value.span)
            }
            try export.finish()
            return (export.withText { $0.copied }, export.refused)
        } catch {
            broken("no memory to export")
        }
    }

    /// Checks that a value survives export and import if the format can carry it.
    private static func checkExports(_ value: [UInt8]) {
        checkTypes(value)
        guard let able = try? Export.formats(for: "NAME", value.span) else { broken("no memory to export") }
        for format in ExportFormat.all {
            let (text, refused) = export(["NAME": value], as: format)
            require(refused.isEmpty == able.contains(format), "\(format) says the same twice")
            let twin: ImportFormat
            switch format {
            case .json: twin = .json
            case .sh: twin = .dotenv(.posix)
            case .dotenv(let dialect): twin = .dotenv(dialect)
            case .fish, .docker: continue
            }
            let expected = refused.isEmpty ? ["NAME": value] : [:]
            require(read(text, twin) == expected, "\(format) carries \(value) as \(text)")
        }
    }

    private static func checkTemplate(_ text: [UInt8]) {
        var end = 0
        for reference in Template.references(in: text.span) {
            let place = reference.place
            require(place.lowerBound >= end && place.upperBound <= text.count, "references are in order")
            require(text[place].starts(with: "{{".utf8), "a reference begins with braces")
            let line = 1 + text[..<place.lowerBound].count { $0 == 10 }
            require(reference.line == line, "a reference is in line \(line)")
            if !reference.name.isEmpty {
                require(SecretID.isValidName(reference.name), "a reference names a secret")
                require(text[place].suffix(2) == Array("}}".utf8)[...], "a reference ends with braces")
            }
            end = place.upperBound
        }
    }

    private static func checkContextFile(_ text: [UInt8]) {
        do throws(TOMLError) {
            checkContract(try ContextFile(TOMLTable(parsing: text.span)).contract)
        } catch {
            require((1...lineCount(text)).contains(error.line), "an error in a line that there is: \(error)")
        }
    }

    /// Checks what the parser promises of the secrets that are declared.
    private static func checkContract(_ contract: Contract) {
        let declarations = contract.declarations
        require(Set(declarations.map(\.name)).count == declarations.count, "each secret is declared once")
        require(Set(declarations.map(\.variable)).count == declarations.count, "each sets its own variable")
        for secret in declarations {
            require(SecretID.isValidName(secret.name), "a declared name is valid")
            if let value = secret.defaultValue {
                require(!secret.isRequired && secret.generator == nil, "a default is never missing")
                require(secret.type?.problem(in: Array(value.utf8).span) == nil, "a default is of its type")
            }
            guard let generator = secret.generator else { continue }
            guard let made = try? generator.make() else { broken("no memory to generate") }
            require(made.count == generator.length, "a generated value has its length")
            require(
                made.withBytes { secret.type?.problem(in: $0) } == nil, "a generated value is of its type")
        }
    }

    /// Checks that Foundation takes exactly what is taken for JSON, and that no other type crashes on the value.
    private static func checkTypes(_ value: [UInt8]) {
        for type in ValueType.allCases { _ = type.problem(in: value.span) }
        let isJSON = ValueType.json.problem(in: value.span) == nil
        let parsed = try? JSONSerialization.jsonObject(with: Data(value), options: .fragmentsAllowed)
        // Foundation also refuses half a surrogate pair and numbers that are too large for it.
        let isPlain =
            !value.contains(UInt8(ascii: "\\")) && !value.contains { $0 | 0x20 == UInt8(ascii: "e") }
        if isJSON, isPlain, value.count < 300 { require(parsed != nil, "Foundation reads \(value)") }
    }

    /// Seed inputs, by name.
    public static let seeds: [(name: String, input: [UInt8])] = {
        let plain = "# comment\nA=1\nexport B='two words'\nC=\"x\\ny\" # more\n\nEMPTY=\nD = spaced \n"
        let odd = "A=`b`\r\nB=$C\nC='it''s'\nD=\"a\\\"b\\\\\"\nE=a\\ b\nF=\"two\nlines\"\nG=#no\n;H=1\n"
        let json = #"{"A": "1", "B_2": "\u00e9\ud83d\ude00\n", "c.d-e": "", "F":"\\\"\/\b\f\r\t"}"#
        let template = "a {{secret:A}} {{ secret:B.c-d }} {{secret:1}} {{x}} {{{secret:A}}}\n{{\tsecret:_}}"
        let toml = "# x\nproject = \"web\"\ncluster = 'gpu-1'\nrequire = [\"A\", 'B',\n \"C\\u0041\"]\n"
        let contract =
            "[secrets.A]\ntype = \"port\"\ndefault = \"80\"\n[secrets.B]\nas = \"C\"\nfile = true\n"
            + "generate = { length = 9, alphabet = \"hex\" }\n[secrets.D]\nrequired = false\ndescription = ''\n"
        var seeds: [(String, [UInt8])] = []
        for (way, format) in imports.enumerated() {
            let name = "\(exportFormat(format).words.replacingOccurrences(of: " ", with: "-"))"
            let texts = format == .json ? [json, "\u{FEFF}{ }", "[1]"] : [plain, odd]
            for (number, text) in texts.enumerated() {
                seeds.append(("\(name)-\(number + 1)", [UInt8(way)] + Array(text.utf8)))
            }
        }
        let other = UInt8(imports.count)
        seeds.append(("template", [other] + Array(template.utf8)))
        seeds.append(("context", [other + 1] + Array(toml.utf8)))
        seeds.append(("contract", [other + 1] + Array(contract.utf8)))
        for (number, value) in ["", "plain", "it's \"$x\" `y` \\ #\n\t!", "\u{0}", " a ", "é😀"].enumerated() {
            seeds.append(("value-\(number + 1)", [other + 2] + Array(value.utf8)))
        }
        return seeds
    }()
}

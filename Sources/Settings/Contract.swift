package import VaultCore

/// The secrets that the programs of a project need, as its `.vault.toml` declares them.
package struct Contract: Equatable, Sendable {
    /// The file that declares them.
    package var path = ContextFile.name
    /// Each secret once: first those that only `require` lists, then those of `[secrets]`, in the order of the file.
    package private(set) var declarations: [SecretDeclaration] = []
    /// The names in `require`.
    package private(set) var listed: [String] = []
    /// The number of secrets in `[secrets]`.
    package private(set) var declaredCount = 0

    private var places: [String: Int] = [:]

    /// The contract of a file that declares nothing.
    package init() {}

    /// Joins the names of `require` to the secrets of `[secrets]`.
    init(listed: [String], declared: [SecretDeclaration]) {
        self.listed = listed
        declaredCount = declared.count
        let names = Set(declared.map(\.name))
        for name in listed where !names.contains(name) { add(SecretDeclaration(name)) }
        for declaration in declared { add(declaration) }
    }

    private mutating func add(_ declaration: SecretDeclaration) {
        guard places[declaration.name] == nil else { return }
        places[declaration.name] = declarations.count
        declarations.append(declaration)
    }

    /// What is declared about a secret; nil if nothing is.
    package subscript(name: String) -> SecretDeclaration? { places[name].map { declarations[$0] } }

    package var isEmpty: Bool { declarations.isEmpty }
}

/// A secret that a project's programs need.
package struct SecretDeclaration: Equatable, Sendable {
    package let name: String
    /// What the secret is for.
    package var description: String?
    /// True if programs do not start without it.
    package var isRequired = true
    /// What its value must look like; nil allows any bytes.
    package var type: ValueType?
    /// The value where no scope has one.
    package var defaultValue: String?
    /// How `set --missing` makes a value; nil if a person must give it.
    package var generator: ValueGenerator?
    /// The environment variable that gets the value, or the path of a file with it.
    package var variable: String
    /// True if programs get the path of a file with the value.
    package var isFile = false

    /// A required secret about which nothing else is declared.
    init(_ name: String) { (self.name, variable) = (name, name) }

    /// The type in a word, with what else is notable: `url, required`.
    package var traits: [String] {
        [
            type?.rawValue, isRequired ? "required" : "optional", generator == nil ? nil : "generated",
            isFile ? "file" : nil,
        ].compactMap(\.self)
    }
}

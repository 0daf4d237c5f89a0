internal import TOML
internal import VaultCore

extension Contract {
    /// Reads `require` and `[secrets]`.
    ///
    /// - Throws: `TOMLError` for an unknown key, a value that its key cannot have, or two that contradict each other.
    init(require: TOMLEntry?, secrets: TOMLEntry?) throws(TOMLError) {
        var listed: [String] = []
        if let require { listed = try Contract.names(require) }
        var declared: [SecretDeclaration] = []
        var lines: [String: Int] = [:]
        for entry in try secrets?.entries() ?? [] {
            declared.append(try SecretDeclaration(entry))
            lines[entry.key] = entry.line
        }
        for declaration in declared where !declaration.isRequired && listed.contains(declaration.name) {
            let reason = declaration.defaultValue == nil ? "its 'required' is false" : "it has a default"
            throw TOMLError(
                line: lines[declaration.name] ?? 1,
                message: "'\(declaration.name)' is in 'require', but \(reason)")
        }
        self.init(listed: listed, declared: declared)
        var owners: [String: String] = [:]
        for declaration in declarations {
            let (name, variable) = (declaration.name, declaration.variable)
            guard let other = owners.updateValue(name, forKey: variable) else { continue }
            throw TOMLError(
                line: lines[name] ?? 1, message: "'\(other)' and '\(name)' set the same variable \(variable)")
        }
    }

    private static func names(_ entry: TOMLEntry) throws(TOMLError) -> [String] {
        let names = try entry.strings()
        for name in names where !SecretID.isValidName(name) {
            throw entry.error("'\(name)' is not a valid name")
        }
        return names
    }
}

extension SecretDeclaration {
    /// Reads the table of a secret.
    fileprivate init(_ entry: TOMLEntry) throws(TOMLError) {
        guard SecretID.isValidName(entry.key) else { throw entry.error("'\(entry.key)' is not a valid name") }
        self.init(entry.key)
        var (required, preset, generate, file): (TOMLEntry?, TOMLEntry?, TOMLEntry?, TOMLEntry?)
        for entry in try entry.entries() {
            switch entry.key {
            case "description": description = try entry.string()
            case "required": required = entry
            case "type": type = try entry.choice(ValueType.self)
            case "default": preset = entry
            case "generate": generate = entry
            case "as": variable = try SecretDeclaration.variable(entry)
            case "file": file = entry
            default:
                throw entry.error(
                    "unknown key '\(entry.key)' of the secret '\(name)'; the keys are description, required, type, default, generate, as, file"
                )
            }
        }
        try take(preset: preset, generate: generate)
        try take(required: required, file: file)
    }

    private mutating func take(preset: TOMLEntry?, generate: TOMLEntry?) throws(TOMLError) {
        if let preset {
            let text = try preset.string()
            if let problem = type?.problem(in: Array(text.utf8).span) {
                throw preset.error("'default' is \(problem)")
            }
            defaultValue = text
        }
        guard let generate else { return }
        generator = try ValueGenerator(generate)
        guard let generator else { return }
        if preset != nil { throw generate.error("'generate' cannot be combined with 'default'") }
        if let type, !generator.makes(type) {
            throw generate.error("'generate' cannot make \(type.words) with this alphabet and length")
        }
    }

    private mutating func take(required: TOMLEntry?, file: TOMLEntry?) throws(TOMLError) {
        isRequired = try required?.boolean() ?? (defaultValue == nil)
        if let required, isRequired, defaultValue != nil {
            throw required.error("'required = true' cannot be combined with 'default'")
        }
        isFile = try file?.boolean() ?? false
        if let file, isFile, !SecretID.isVariableName(variable) {
            throw file.error("'file' needs 'as', since '\(name)' cannot be the name of a variable")
        }
    }

    private static func variable(_ entry: TOMLEntry) throws(TOMLError) -> String {
        let name = try entry.string()
        guard SecretID.isVariableName(name) else {
            throw entry.error("'as' must be the name of a variable: letters, digits and underscores")
        }
        return name
    }
}

extension ValueGenerator {
    /// Reads `generate`; nil if it is false.
    fileprivate init?(_ entry: TOMLEntry) throws(TOMLError) {
        self.init()
        switch entry.value {
        case .boolean(true): return
        case .boolean(false): return nil
        case .table(let table):
            for entry in table.entries {
                switch entry.key {
                case "length":
                    let lengths = ValueGenerator.lengths
                    length = Int(
                        try entry.integer(in: Int64(lengths.lowerBound)...Int64(lengths.upperBound)))
                case "alphabet": alphabet = try entry.choice(Alphabet.self)
                default:
                    throw entry.error(
                        "unknown key '\(entry.key)' of 'generate'; the keys are length, alphabet")
                }
            }
        default: throw entry.error("'generate' must be true, or a table with the keys length, alphabet")
        }
    }
}

extension TOMLEntry {
    /// Returns the entries of the value, which must be a table.
    fileprivate func entries() throws(TOMLError) -> [TOMLEntry] {
        guard case .table(let table) = value else { throw error("'\(key)' must be a table") }
        return table.entries
    }

    /// Returns the case that the value names, which must be a string.
    fileprivate func choice<T: RawRepresentable<String> & CaseIterable>(
        _ type: T.Type
    ) throws(TOMLError) -> T {
        if let choice = T(rawValue: try string()) { return choice }
        throw error("'\(key)' must be one of \(T.allCases.map(\.rawValue).joined(separator: ", "))")
    }
}

internal import Platform
package import UserMessages
internal import VaultAgent

/// A setting as it applies, and its origin.
package struct Setting {
    package let key: String
    package let value: Value
    /// The option, variable or file that it comes from, or `default`.
    package let origin: String

    /// The value of a setting.
    package enum Value {
        case text(String?)
        case number(Int)
        case flag(Bool)

        package var text: String {
            switch self {
            case .text(let text): text ?? "none"
            case .number(let number): "\(number)"
            case .flag(let flag): flag ? "true" : "false"
            }
        }

        package var json: JSON {
            switch self {
            case .text(let text): .optional(text)
            case .number(let number): .number(number)
            case .flag(let flag): .bool(flag)
            }
        }
    }

    /// How many backups the configured directory keeps unless the configuration says otherwise.
    package static let defaultBackupKeep = 30

    /// Every setting, in the order of the documentation.
    ///
    /// - Parameters:
    ///   - path: the vault's file.
    ///   - isOption: true if an option names it.
    package static func all(vault path: String, isOption: Bool) throws(Failure) -> [Setting] {
        let configuration = try Configuration.required()
        func setting(_ key: String, _ configured: Value?, _ fallback: Value) -> Setting {
            let origin = configured == nil ? "default" : Configuration.path ?? ""
            return Setting(key: key, value: configured ?? fallback, origin: origin)
        }
        func duration(_ key: String, _ configured: UInt64?, _ fallback: UInt64) -> Setting {
            setting(
                key, configured.map { .text(DurationFormat.words(milliseconds: $0)) },
                .text(DurationFormat.words(milliseconds: fallback)))
        }
        return [
            vault(path, isOption, configuration),
            duration("idle", configuration.idle, Limits.default.idle),
            duration("max", configuration.max, Limits.default.total),
            try autoUnlock(configuration),
            setting("backup_directory", configuration.backupDirectory.map { .text($0) }, .text(nil)),
            setting(
                "backup_keep", configuration.backupKeep.map { .number($0) }, .number(defaultBackupKeep)),
            setting("color", configuration.color.map { .text($0.rawValue) }, .text("auto")),
        ]
    }

    private static func vault(
        _ path: String, _ isOption: Bool, _ configuration: Configuration
    ) -> Setting {
        let origin =
            if isOption {
                "--vault"
            } else if Environment.withValue("VAULT_FILE", { !$0.isEmpty }) == true {
                "VAULT_FILE"
            } else {
                configuration.vault == nil ? "default" : Configuration.path ?? ""
            }
        return Setting(key: "vault", value: .text(path), origin: origin)
    }

    private static func autoUnlock(_ configuration: Configuration) throws(Failure) -> Setting {
        let variable = "VAULT_AUTO_UNLOCK"
        if let text = try Environment.text(variable) {
            let isOn: Bool? =
                switch text {
                case "1", "true": true
                case "0", "false": false
                default: nil
                }
            guard let isOn else { throw Failure(.usage, "\(variable) must be 1 or 0") }
            return Setting(key: "auto_unlock", value: .flag(isOn), origin: variable)
        }
        let origin = configuration.autoUnlock == nil ? "default" : Configuration.path ?? ""
        return Setting(key: "auto_unlock", value: .flag(configuration.autoUnlock ?? false), origin: origin)
    }

    /// True if a typed passphrase unlocks the vault, as `unlock` does.
    package static func unlocksOnFirstUse() throws(Failure) -> Bool {
        guard case .flag(let isOn) = try autoUnlock(Configuration.required()).value else { return false }
        return isOn
    }
}

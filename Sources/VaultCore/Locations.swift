public import Platform
public import VaultFile

/// Where things are when nobody says otherwise.
public enum Locations {
    /// The vault file: `VAULT_FILE`, else `vault/default.vault` in the user's data directory; nil if it is not set and the user
    /// has no home.
    ///
    /// - Throws: `NotText` if the variable that would decide is no UTF-8 text.
    public static func vaultFile() throws(NotText) -> String? {
        if let path = try variable("VAULT_FILE") { return path }
        // By the XDG rules a relative directory is ignored.
        if let directory = try variable("XDG_DATA_HOME"), directory.hasPrefix("/") {
            return directory + "/vault/default.vault"
        }
        return try home().map { Path.join($0, ".local/share/vault/default.vault") }
    }

    /// The directory for sockets and locks of this user's processes; nil if there is nowhere to put it.
    ///
    /// `$XDG_RUNTIME_DIR/vault`, else `/run/user/UID/vault` if `/run/user/UID` is ours, else
    /// `~/.local/state/vault/run`. Never a directory that others can write, and none that has no name in UTF-8.
    public static var runtimeDirectory: String? {
        do throws(NotText) {
            if let directory = try variable("XDG_RUNTIME_DIR"), directory.hasPrefix("/") {
                return directory + "/vault"
            }
            let directory = "/run/user/\(CurrentProcess.userID)"
            if PrivateDirectory.isOurs(directory) { return directory + "/vault" }
            return try home().map { Path.join($0, ".local/state/vault/run") }
        } catch {
            return nil
        }
    }

    /// Every directory in which an agent of this user could be, whatever the environment was when it was started.
    public static var runtimeDirectories: [String] {
        let homes = [(try? home()) ?? nil, UserDatabase().home(of: CurrentProcess.userID)]
        let directories =
            [runtimeDirectory, "/run/user/\(CurrentProcess.userID)/vault"]
            + homes.map { $0.map { Path.join($0, ".local/state/vault/run") } }
        return directories.compactMap(\.self)
    }

    /// What this machine remembers of vaults, in `${XDG_STATE_HOME:-~/.local/state}/vault/seen`; nil if there is nowhere
    /// to put it.
    public static var checkpoints: CheckpointStore? {
        guard let directory = checkpointDirectory else { return nil }
        return CheckpointStore(path: directory)
    }

    /// The path of that directory.
    public static var checkpointDirectory: String? { stateDirectory.map { Path.join($0, "seen") } }

    /// The directory of what this machine remembers, `${XDG_STATE_HOME:-~/.local/state}/vault`; nil if there is nowhere to put it.
    package static var stateDirectory: String? {
        do throws(NotText) {
            if let directory = try variable("XDG_STATE_HOME"), directory.hasPrefix("/") {
                return directory + "/vault"
            }
            return try home().map { Path.join($0, ".local/state/vault") }
        } catch {
            return nil
        }
    }

    /// The user's home directory: `HOME`, else what the user database says of the user who started this process; nil if
    /// neither names one.
    ///
    /// - Throws: `NotText` if `HOME` is no UTF-8 text.
    public static func home() throws(NotText) -> String? {
        home(try variable("HOME"), orIn: UserDatabase())
    }

    /// The home directory that a variable names, or else a user database.
    static func home(_ variable: String?, orIn database: UserDatabase) -> String? {
        // Services and containers start programs without HOME; a vault must not lose its checkpoints there.
        variable ?? database.home(of: CurrentProcess.realUserID)
    }

    /// `path` from the root on and without symbolic links, which names a vault wherever it is asked for.
    ///
    /// The file itself may be missing.
    public static func realPath(of path: String) -> String {
        if let real = try? Path.resolvingLinks(path) { return real }
        guard let directory = try? Path.resolvingLinks(Path.directory(of: path)) else {
            return path.hasPrefix("/") ? path : Path.join((try? Path.workingDirectory()) ?? "/", path)
        }
        return Path.join(directory, Path.name(of: path))
    }

    /// Whether ``realPath(of:)`` is UTF-8 text, without which neither an agent nor a message can name the vault.
    public static func isNamedInText(_ path: String) -> Bool {
        // Of a vault that is about to be made, what is there already tells.
        for name in [path, Path.directory(of: path), path.hasPrefix("/") ? "/" : "."] {
            do throws(Errno) {
                _ = try Path.resolvingLinks(name)
                return true
            } catch .notText {
                return false
            } catch {
                continue
            }
        }
        return true
    }

    /// The value of a variable that is set and not empty.
    private static func variable(_ name: String) throws(NotText) -> String? {
        guard let value = try Environment.value(name), !value.isEmpty else { return nil }
        return value
    }
}

extension Dependencies {
    /// The real world with what this machine remembers.
    public static var live: Dependencies {
        var dependencies = Dependencies()
        dependencies.checkpoints = Locations.checkpoints
        dependencies.hasNowhereToRemember = dependencies.checkpoints == nil
        return dependencies
    }
}

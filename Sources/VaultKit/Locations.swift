public import Platform
public import VaultFile

/// Where things are when nobody says otherwise.
public enum Locations {
    /// The vault file: `VAULT_FILE`, else `vault/default.vault` in the user's data folder; nil if it is not set and the user
    /// has no home.
    ///
    /// - Throws: `NotText` if the variable that would decide is no UTF-8 text.
    public static func vaultFile() throws(NotText) -> String? {
        if let path = try variable("VAULT_FILE") { return path }
        // By the XDG rules a relative folder is ignored.
        if let folder = try variable("XDG_DATA_HOME"), folder.hasPrefix("/") {
            return folder + "/vault/default.vault"
        }
        return try home().map { Path.join($0, ".local/share/vault/default.vault") }
    }

    /// The folder for sockets and locks of this user's processes; nil if there is nowhere to put it.
    ///
    /// `$XDG_RUNTIME_DIR/vault`, else `/run/user/UID/vault` if `/run/user/UID` is ours, else
    /// `~/.local/state/vault/run`. Never a folder that others can write, and none that has no name in UTF-8.
    public static var runtimeFolder: String? {
        do throws(NotText) {
            if let folder = try variable("XDG_RUNTIME_DIR"), folder.hasPrefix("/") {
                return folder + "/vault"
            }
            let folder = "/run/user/\(CurrentProcess.userID)"
            if PrivateFolder.isOurs(folder) { return folder + "/vault" }
            return try home().map { Path.join($0, ".local/state/vault/run") }
        } catch {
            return nil
        }
    }

    /// Every folder in which an agent of this user could be, whatever the environment was when it was started.
    public static var runtimeFolders: [String] {
        let homes = [(try? home()) ?? nil, UserDatabase().home(of: CurrentProcess.userID)]
        let folders =
            [runtimeFolder, "/run/user/\(CurrentProcess.userID)/vault"]
            + homes.map { $0.map { Path.join($0, ".local/state/vault/run") } }
        return folders.compactMap(\.self)
    }

    /// What this machine remembers of vaults, in `${XDG_STATE_HOME:-~/.local/state}/vault/seen`; nil if there is nowhere
    /// to put it.
    public static var checkpoints: CheckpointStore? {
        guard let folder = checkpointFolder else { return nil }
        return CheckpointStore(path: folder)
    }

    /// The path of that folder.
    public static var checkpointFolder: String? { stateDirectory.map { Path.join($0, "seen") } }

    /// The directory of what this machine remembers, `${XDG_STATE_HOME:-~/.local/state}/vault`; nil if there is nowhere to put it.
    package static var stateDirectory: String? {
        do throws(NotText) {
            if let folder = try variable("XDG_STATE_HOME"), folder.hasPrefix("/") {
                return folder + "/vault"
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
        guard let folder = try? Path.resolvingLinks(Path.folder(of: path)) else {
            return path.hasPrefix("/") ? path : Path.join((try? Path.workingFolder()) ?? "/", path)
        }
        return Path.join(folder, Path.name(of: path))
    }

    /// Whether ``realPath(of:)`` is UTF-8 text, without which neither an agent nor a message can name the vault.
    public static func isNamedInText(_ path: String) -> Bool {
        // Of a vault that is about to be made, what is there already tells.
        for name in [path, Path.folder(of: path), path.hasPrefix("/") ? "/" : "."] {
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

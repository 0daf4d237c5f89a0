public import Platform
public import VaultFile

/// The default paths of the vault, the agent's socket and the checkpoints.
public enum Locations {
    /// The vault file: `VAULT_FILE`, else `vault/default.vault` in the user's data directory; nil if the
    /// variable is not set and the user has no home directory.
    ///
    /// - Throws: `NotText` if the variable that decides is not UTF-8 text.
    public static func vaultFile() throws(NotText) -> String? {
        if let path = try variable("VAULT_FILE") { return path }
        return try directory("XDG_DATA_HOME", orInHome: ".local/share").map { $0 + "/default.vault" }
    }

    /// The directory for sockets and locks of this user's processes; nil if there is none.
    ///
    /// `$XDG_RUNTIME_DIR/vault`, else `/run/user/UID/vault` if `/run/user/UID` is the user's own, else
    /// `~/.local/state/vault/run`. Never a directory that others can write, or whose name is not UTF-8 text.
    public static var runtimeDirectory: String? {
        do throws(NotText) {
            if let directory = try directory("XDG_RUNTIME_DIR") { return directory }
            let directory = "/run/user/\(CurrentProcess.userID)"
            if PrivateDirectory.isOurs(directory) { return directory + "/vault" }
            return try home().map { Path.join($0, ".local/state/vault/run") }
        } catch {
            return nil
        }
    }

    /// Every directory in which an agent of this user could be, whatever its environment was when it started.
    public static var runtimeDirectories: [String] {
        let homes = [(try? home()) ?? nil, UserDatabase().home(of: CurrentProcess.userID)]
        let directories =
            [runtimeDirectory, "/run/user/\(CurrentProcess.userID)/vault"]
            + homes.map { $0.map { Path.join($0, ".local/state/vault/run") } }
        return directories.compactMap(\.self)
    }

    /// The checkpoints of this machine, in `${XDG_STATE_HOME:-~/.local/state}/vault/seen`; nil if there is no
    /// such directory.
    public static var checkpoints: CheckpointStore? { checkpointDirectory.map { CheckpointStore(path: $0) } }

    /// The directory of the checkpoints.
    public static var checkpointDirectory: String? { stateDirectory.map { Path.join($0, "seen") } }

    /// The directory of this machine's state, `${XDG_STATE_HOME:-~/.local/state}/vault`; nil if there is
    /// none.
    package static var stateDirectory: String? {
        (try? directory("XDG_STATE_HOME", orInHome: ".local/state")) ?? nil
    }

    /// The directory of this user's settings, `${XDG_CONFIG_HOME:-~/.config}/vault`; nil if there is none.
    ///
    /// - Throws: `NotText` if `XDG_CONFIG_HOME` is not UTF-8 text.
    package static func configurationDirectory() throws(NotText) -> String? {
        if let directory = try directory("XDG_CONFIG_HOME") { return directory }
        // Without a home directory that has a name, there are no settings in it either.
        return (try? directory("XDG_CONFIG_HOME", orInHome: ".config")) ?? nil
    }

    /// `vault` in the directory that a variable names, else in that directory of the user's home.
    private static func directory(_ name: String, orInHome fallback: String? = nil) throws(NotText) -> String?
    {
        // The XDG specification says that a relative path is ignored.
        if let directory = try variable(name), Path.isAbsolute(directory) { return directory + "/vault" }
        guard let fallback, let home = try home() else { return nil }
        return Path.join(home, fallback + "/vault")
    }

    /// The user's home directory: `HOME`, else that of the user database for the user who started this
    /// process; nil if neither names one.
    ///
    /// - Throws: `NotText` if `HOME` is not UTF-8 text.
    public static func home() throws(NotText) -> String? {
        home(try variable("HOME"), orIn: UserDatabase())
    }

    /// The home directory that a variable names, or else a user database.
    static func home(_ variable: String?, orIn database: UserDatabase) -> String? {
        // Services and containers start programs without HOME; a vault must not lose its checkpoints there.
        variable ?? database.home(of: CurrentProcess.realUserID)
    }

    /// Returns `path` with the home directory in place of a `~/` at its start.
    package static func expandingHome(_ path: String) -> String {
        guard path.hasPrefix("~/"), let home = (try? home()) ?? nil else { return path }
        return Path.join(home, String(path.dropFirst(2)))
    }

    /// Returns `path` as an absolute path without symbolic links, which names the vault whoever asks.
    ///
    /// The file itself may be missing.
    public static func realPath(of path: String) -> String {
        if let real = try? Path.resolvingLinks(path) { return real }
        guard let directory = try? Path.resolvingLinks(Path.directory(of: path)) else {
            return Path.isAbsolute(path) ? path : Path.join((try? Path.workingDirectory()) ?? "/", path)
        }
        return Path.join(directory, Path.name(of: path))
    }

    /// Returns true if ``realPath(of:)`` is UTF-8 text; otherwise neither an agent nor a message can name the
    /// vault.
    public static func isNamedInText(_ path: String) -> Bool {
        // For a vault that does not exist yet, the directories that exist decide.
        for name in [path, Path.directory(of: path), Path.isAbsolute(path) ? "/" : "."] {
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
    /// The real disk and clock, and this machine's checkpoints.
    public static var live: Dependencies {
        var dependencies = Dependencies()
        dependencies.checkpoints = Locations.checkpoints
        dependencies.hasNowhereToRemember = dependencies.checkpoints == nil
        return dependencies
    }
}

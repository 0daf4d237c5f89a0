internal import Platform

/// Where things are when nobody says otherwise.
public enum Locations {
    /// The vault file: `VAULT_FILE`, else `vault/default.vault` in the user's data folder; nil if neither it
    /// nor HOME is set.
    public static var vaultFile: String? {
        if let path = variable("VAULT_FILE") { return path }
        return folder("XDG_DATA_HOME", orHome: ".local/share").map { $0 + "/vault/default.vault" }
    }

    /// The folder for sockets and locks of this user's processes; nil if there is nowhere to put it.
    ///
    /// `$XDG_RUNTIME_DIR/vault`, else `/run/user/UID/vault` if `/run/user/UID` is ours, else
    /// `~/.local/state/vault/run`. Never a folder that others can write.
    public static var runtimeFolder: String? {
        if let folder = variable("XDG_RUNTIME_DIR"), folder.hasPrefix("/") { return folder + "/vault" }
        let folder = "/run/user/\(CurrentProcess.userID)"
        if PrivateFolder.isOurs(folder) { return folder + "/vault" }
        return variable("HOME").map { $0 + "/.local/state/vault/run" }
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

    /// The value of a variable that is set and not empty.
    private static func variable(_ name: String) -> String? {
        guard let value = Environment.value(name), !value.isEmpty else { return nil }
        return value
    }

    /// A folder by the XDG rules, which ignore relative paths.
    private static func folder(_ name: String, orHome rest: String) -> String? {
        if let folder = variable(name), folder.hasPrefix("/") { return folder }
        return variable("HOME").map { $0 + "/" + rest }
    }
}

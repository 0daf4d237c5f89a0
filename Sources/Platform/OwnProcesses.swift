internal import Glibc

/// The processes of this user, as `/proc` lists them.
public enum OwnProcesses {
    /// A process, and the words that it was started with.
    public struct Entry: Equatable, Sendable {
        /// Its number.
        public let id: Int32
        /// Its arguments, the program's name first; none that is no UTF-8 text.
        public let words: [String]
    }

    /// Those that go by `name`, at most 15 bytes, in any place that this process can see.
    public static func named(_ name: String) -> [Entry] {
        let names = (try? DiskStorage().names(in: "/proc")) ?? []
        return names.compactMap { entry in
            guard let id = Int32(entry), isOurs(id, name) else { return nil }
            return Entry(id: id, words: words(of: id))
        }
    }

    /// What of the machine's processes this one can see.
    public enum View: Equatable, Sendable {
        case all
        /// Those of its PID namespace, as in a container.
        case namespace
        /// None: `/proc` is not mounted, or is another namespace's.
        case none
    }

    /// What this process can see.
    public static var view: View {
        guard (try? Path.linkTarget("/proc/self")) == "\(CurrentProcess.identifier)" else { return .none }
        // The number of the first namespace is fixed (PROC_PID_INIT_INO in Linux).
        return (try? Path.linkTarget("/proc/self/ns/pid")) == "pid:[4026531836]" ? .all : .namespace
    }

    private static func isOurs(_ id: Int32, _ name: String) -> Bool {
        let lines = text("/proc/\(id)/status").split(separator: "\n")
        // The effective user comes second.
        let user = lines.first { $0.hasPrefix("Uid:") }?.split(separator: "\t").dropFirst(2).first
        return lines.first == "Name:\t\(name)" && user.flatMap { UInt32($0) } == CurrentProcess.userID
            && !lines.contains { $0.hasPrefix("State:\tZ") }
    }

    private static func words(of id: Int32) -> [String] {
        text("/proc/\(id)/cmdline").split(separator: "\0").map(String.init)
    }

    /// What a file of `/proc` says; nothing if it cannot be read.
    private static func text(_ path: String) -> String {
        guard let file = try? InputFile(path, onlyRegular: true),
            let bytes = try? file.readAll(limit: 1 << 16)
        else { return "" }
        return String(validating: bytes, as: UTF8.self) ?? ""
    }

    /// Ends a process at once, also one that is stopped; the system wipes its memory.
    public static func kill(_ id: Int32) { _ = Glibc.kill(id, SIGKILL) }
}

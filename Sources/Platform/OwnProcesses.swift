internal import Glibc

/// The processes of this user, by `/proc`.
public enum OwnProcesses {
    /// A process and its arguments.
    public struct Entry: Equatable, Sendable {
        /// Its process ID.
        public let id: Int32
        /// Its arguments, the program's name first; empty if they are not UTF-8 text.
        public let words: [String]
    }

    /// Returns the visible processes with this name of at most 15 bytes.
    public static func named(_ name: String) -> [Entry] {
        let names = (try? DiskStorage().names(in: "/proc")) ?? []
        return names.compactMap { entry in
            guard let id = Int32(entry), isOurs(id, name) else { return nil }
            return Entry(id: id, words: words(of: id))
        }
    }

    /// The part of the machine's processes that this one can see.
    public enum View: Equatable, Sendable {
        /// All of them.
        case all
        /// Those of its PID namespace, as in a container.
        case namespace
        /// None: `/proc` is not mounted, or belongs to another namespace.
        case none
    }

    /// The part that this process can see.
    public static var view: View {
        guard (try? Path.linkTarget("/proc/self")) == "\(CurrentProcess.identifier)" else { return .none }
        // The initial namespace has a fixed number (PROC_PID_INIT_INO in Linux).
        return (try? Path.linkTarget("/proc/self/ns/pid")) == "pid:[4026531836]" ? .all : .namespace
    }

    private static func isOurs(_ id: Int32, _ name: String) -> Bool {
        let lines = InputFile.text(of: "/proc/\(id)/status").split(separator: "\n")
        // The effective user comes second.
        let user = lines.first { $0.hasPrefix("Uid:") }?.split(separator: "\t").dropFirst(2).first
        return lines.first == "Name:\t\(name)" && user.flatMap { UInt32($0) } == CurrentProcess.userID
            && !lines.contains { $0.hasPrefix("State:\tZ") }
    }

    private static func words(of id: Int32) -> [String] {
        InputFile.text(of: "/proc/\(id)/cmdline").split(separator: "\0").map(String.init)
    }

    /// Kills a process, even one that is stopped; the kernel clears its memory before reuse.
    public static func kill(_ id: Int32) { _ = Glibc.kill(id, SIGKILL) }
}

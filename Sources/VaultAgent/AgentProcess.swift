internal import Platform
internal import Sodium
internal import VaultKit

/// The process that the agent runs in.
public enum AgentProcess {
    /// What a process that was started says on its standard output: one of these, then an `i32` error number.
    private enum Word: UInt8 {
        case listening = 0
        case alreadyRunning
        case directoryNotPrivate
        case system
        case noSocket
    }

    /// An agent that runs.
    struct Entry {
        let id: Int32
        /// Where its socket is.
        let directory: String
    }

    /// The agents of this user that this process can see, wherever their sockets are.
    ///
    /// Those that were started for another home directory are somebody else's, as a service that has one of its own, or a test.
    static var running: [Entry] {
        let home = AgentProcess.home
        return OwnProcesses.named(AgentProtocol.processName).compactMap { process in
            guard process.words.count >= 2, process.words[0] == AgentProtocol.processName,
                process.words[1].hasPrefix("/"), process.words.count == 2 || process.words[2] == home
            else { return nil }
            return Entry(id: process.id, directory: process.words[1])
        }
    }

    /// Whether an agent has the lock of a directory, also one that this process cannot see, or the directory is somebody else's.
    static func mayRun(in directory: String) -> Bool {
        do throws(Errno) {
            try PrivateDirectory.check(directory)
        } catch {
            return error == .permissionDenied
        }
        guard let lock = try? DiskStorage().open(Path.join(directory, AgentProtocol.lockName), .writing)
        else {
            return false
        }
        guard (try? lock.tryLock(.exclusive)) == false else {
            lock.unlock()
            return false
        }
        return true
    }

    /// The home directory of who starts an agent, for the list of processes.
    private static var home: String {
        do throws(NotText) {
            guard let home = try Locations.home() else { return "/" }
            return (try? Path.resolvingLinks(home)) ?? home
        } catch {
            return "/"
        }
    }

    /// Starts an agent and waits until it listens.
    ///
    /// That another one runs already is no error.
    static func start(in directory: String) throws(AgentError) {
        var said: [UInt8] = []
        do throws(Errno) {
            try DetachedProcess.startSelf(as: AgentProtocol.processName, (directory, home)) { bytes in
                for index in bytes.indices { said.append(bytes[index]) }
            }
        } catch {
            throw .cannotStart(.system(error))
        }
        var reader = FieldReader()
        guard let word = (try? reader.number(UInt8.self, of: said.span)).flatMap(Word.init),
            let number = try? reader.number(UInt32.self, of: said.span)
        else { throw .cannotStart(.system(.ioError)) }
        switch word {
        case .listening, .alreadyRunning: return
        case .directoryNotPrivate: throw .cannotStart(.directoryNotPrivate)
        case .system: throw .cannotStart(.system(Errno(rawValue: Int32(truncatingIfNeeded: number))))
        case .noSocket: throw .cannotStart(.noSocket(Errno(rawValue: Int32(truncatingIfNeeded: number))))
        }
    }

    /// Is the agent of `directory` until there is no more use for it.
    ///
    /// The caller has hardened the process before anything else.
    ///
    /// - Returns: the exit code.
    public static func run(in directory: String) -> Int32 {
        let server: AgentServer
        do throws(AgentServer.StartError) {
            do throws(Errno) {
                try DetachedProcess.detach(name: AgentProtocol.processName)
            } catch {
                throw .system(error)
            }
            server = try AgentServer.start(in: directory)
        } catch {
            report(error)
            return 1
        }
        say(.listening)
        do throws(Errno) {
            try DetachedProcess.closeStandardOutput()
            try server.run()
            return 0
        } catch {
            return 1
        }
    }

    private static func report(_ error: AgentServer.StartError) {
        switch error {
        case .alreadyRunning: say(.alreadyRunning)
        case .directoryNotPrivate: say(.directoryNotPrivate)
        case .system(let error): say(.system, error.rawValue)
        case .noSocket(let error): say(.noSocket, error.rawValue)
        }
    }

    private static func say(_ word: Word, _ number: Int32 = 0) {
        let bytes = [word.rawValue] + UInt32(bitPattern: number).littleEndianBytes
        try? InheritedDescriptor.standardOutput.writeAll(bytes.span)
    }
}

internal import Platform
internal import Sodium
internal import VaultCore

/// The process in which the agent runs.
public enum AgentProcess {
    /// The message of a new agent on its standard output: this byte, then an `i32` error number.
    private enum Word: UInt8 {
        case listening = 0
        case alreadyRunning
        case directoryNotPrivate
        case system
        case noSocket
    }

    /// A running agent.
    struct Entry {
        let id: Int32
        /// The directory of its socket.
        let directory: String
    }

    /// The agents of this user that this process can see, with whatever socket.
    ///
    /// An agent that was started for another home directory, such as that of a service or of a test, is not included.
    static var running: [Entry] {
        let home = AgentProcess.home
        return OwnProcesses.named(AgentProtocol.processName).compactMap { process in
            guard process.words.count >= 2, process.words[0] == AgentProtocol.processName,
                Path.isAbsolute(process.words[1]), process.words.count == 2 || process.words[2] == home
            else { return nil }
            return Entry(id: process.id, directory: process.words[1])
        }
    }

    /// Returns whether the directory belongs to somebody else, or an agent, even one that this process cannot see, has locked it.
    static func mayRun(in directory: String) -> Bool {
        do throws(Errno) {
            try PrivateDirectory.check(directory)
        } catch {
            return error == .permissionDenied
        }
        guard let lock = try? DiskStorage().open(Path.join(directory, AgentProtocol.lockName), .writing)
        else { return false }
        if (try? lock.tryLock(.exclusive)) == false { return true }
        lock.unlock()
        return false
    }

    /// The home directory, which is shown in the list of processes.
    private static var home: String {
        guard let home = try? Locations.home() else { return "/" }
        return (try? Path.resolvingLinks(home)) ?? home
    }

    /// Starts an agent and waits until it listens, or another one is found to be running.
    static func start(in directory: String) throws(AgentError) {
        var output: [UInt8] = []
        do throws(Errno) {
            try DetachedProcess.startSelf(
                as: AgentProtocol.processName, (directory, home), hasInput: false, give: { _ in },
                take: { bytes in output.append(copying: bytes) })
        } catch {
            throw .cannotStart(.system(error))
        }
        var reader = FieldReader(output.span)
        guard let word = (try? reader.number(UInt8.self)).flatMap(Word.init),
            let number = try? reader.number(UInt32.self)
        else { throw .cannotStart(.system(.ioError)) }
        let error = Errno(rawValue: Int32(truncatingIfNeeded: number))
        switch word {
        case .listening, .alreadyRunning: return
        case .directoryNotPrivate: throw .cannotStart(.directoryNotPrivate)
        case .system: throw .cannotStart(.system(error))
        case .noSocket: throw .cannotStart(.noSocket(error))
        }
    }

    /// Runs the agent of `directory` in this process until the agent ends.
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
            switch error {
            case .alreadyRunning: say(.alreadyRunning)
            case .directoryNotPrivate: say(.directoryNotPrivate)
            case .system(let error): say(.system, error)
            case .noSocket(let error): say(.noSocket, error)
            }
            return 1
        }
        say(.listening)
        do throws(Errno) {
            try DetachedProcess.closeInputAndOutput()
            try server.run()
            return 0
        } catch {
            return 1
        }
    }

    private static func say(_ word: Word, _ error: Errno = Errno(rawValue: 0)) {
        let bytes = [word.rawValue] + UInt32(bitPattern: error.rawValue).field
        try? InheritedDescriptor.standardOutput.writeAll(bytes.span)
    }
}

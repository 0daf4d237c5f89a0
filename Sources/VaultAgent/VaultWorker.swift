internal import Platform
internal import Sodium
internal import Synchronization
internal import VaultFile
internal import VaultKit

/// A thread that owns one unlocked vault, and waits for its file where nobody else has to.
final class VaultWorker: Sendable {
    /// What the agent's loop asks.
    enum Message: Sendable {
        /// Answers requests.
        case requests(Parcel)
        /// Tells the vault's numbers.
        case status(ClientID, FileProof)
        /// Makes sure that what this machine remembers of another path agrees with the file.
        case follow(ClientID, String, FileProof)
        /// Prepares a job.
        case job(ClientID, Job, FileProof, otherKey: SharedKey?)
        /// Takes the file anew, which this machine trusts now.
        case reopen
        /// Ends when all that was asked before is answered.
        case retire
    }

    /// What it says to the loop.
    enum Report: Sendable {
        /// It opened the vault, or cannot.
        case opened(ClientID, VaultWorker, Result<VaultNumbers, WireFailure>)
        /// So many bytes of a parcel's requests were answered, and what of the last reply waits.
        case answered(ClientID, count: Int, Unsent?, isOver: Bool)
        case numbers(ClientID, VaultWorker, Result<VaultNumbers, WireFailure>)
        case followed(ClientID, Result<Void, WireFailure>)
        case prepared(ClientID, Result<BackgroundJob, WireFailure>)
        /// The client means another file; nothing was answered.
        case refused(Parcel)
        /// A job is over.
        case done(job: UInt64, Result<JobReport, WireFailure>)
        /// The file has keys that nobody announced.
        case lostKeys(VaultWorker)
    }

    let path: String
    let keys: VaultKeys
    private let dependencies: Dependencies
    /// Which file the client means, until that was looked at: a file that is held takes room on the disk though it be removed.
    private let proof: Mutex<FileProof?>
    /// Whether it waits for something to do.
    private let idle = Atomic(false)
    private let inbox: Mailbox<Message>
    private let reports: Mailbox<Report>
    private let backlog: Backlog

    /// - Parameters:
    ///   - path: the vault's file.
    ///   - keys: opens it.
    ///   - proof: which file the client means.
    ///   - dependencies: with the checkpoints that the client named.
    ///   - reports: where it says what became of what it was asked.
    ///   - backlog: what waits in the agent to be sent.
    /// - Throws: what the system refuses.
    init(
        _ path: String, _ keys: VaultKeys, _ proof: FileProof, _ dependencies: Dependencies,
        _ reports: Mailbox<Report>, _ backlog: Backlog
    ) throws(Errno) {
        (self.path, self.keys, self.reports, self.backlog) = (path, keys, reports, backlog)
        self.proof = Mutex(proof)
        var dependencies = dependencies
        dependencies.cancellation = keys.cancellation
        self.dependencies = dependencies
        inbox = try Mailbox()
    }

    /// Has it do something; ``lock()`` and `Message.retire` come last.
    func post(_ message: Message) { inbox.post(message) }

    /// Whether it would begin at once with what it is asked.
    var isIdle: Bool { idle.load(ordering: .relaxed) }

    /// Forgets the keys at once; what is asked still is answered with "locked".
    func lock() {
        keys.forget()
        inbox.post(.retire)
    }

    private func open(for client: ClientID) -> UnlockedVault? {
        do throws(WireFailure) {
            try proof.withLock { $0.take() }?.check()
            let vault = try inWire { () throws(VaultError) in try UnlockedVault(path, keys, dependencies) }
            let numbers = try inWire { () throws(VaultError) in try vault.numbers() }
            reports.post(.opened(client, self, .success(numbers)))
            return vault
        } catch {
            keys.forget()
            reports.post(.opened(client, self, .failure(error)))
            return nil
        }
    }

    /// Opens the vault, tells that to the client who wants it, and does what is asked until it is told to end.
    ///
    /// It is called once, on the worker's thread.
    func run(for client: ClientID) {
        let reply: SecretBuffer
        do throws(SodiumError) {
            reply = try RequestHandler.replyBuffer()
        } catch {
            return reports.post(.opened(client, self, .failure(.vault(.file(.outOfMemory)))))
        }
        guard let vault = open(for: client) else { return }
        var handler = RequestHandler(vault, reports, backlog, reply)
        var isEnding = false
        while !isEnding || handler.timeout != nil {
            idle.store(handler.timeout == nil, ordering: .relaxed)
            inbox.wakeup.wait(milliseconds: handler.timeout)
            idle.store(false, ordering: .relaxed)
            let messages = inbox.takeAll()
            vault.noteArrival()
            for message in messages {
                switch message {
                case .requests(let parcel):
                    if let file = parcel.file, !file.isFound(at: path) {
                        reports.post(.refused(parcel))
                    } else {
                        handler.answer(parcel, from: 0)
                    }
                case .status(let client, let proof):
                    let numbers = proof.result { () throws(VaultError) in try vault.numbers() }
                    reports.post(.numbers(client, self, numbers))
                case .follow(let client, let lexical, let proof):
                    let result = proof.result { () throws(VaultError) in try vault.current().follow(lexical) }
                    reports.post(.followed(client, result))
                case .job(let client, let job, let proof, let otherKey):
                    let prepared = proof.first.result { () throws(VaultError) in
                        try vault.prepare(job, proof.others, otherKey: otherKey)
                    }
                    reports.post(.prepared(client, prepared))
                case .reopen: vault.reopen()
                case .retire: isEnding = true
                }
            }
            handler.goOn()
            Stack.wipe()
            if keys.areForgotten, !isEnding { reports.post(.lostKeys(self)) }
        }
    }
}

/// The files that a request speaks of, and the paths by which it names them.
struct FileProof: Sendable {
    /// None where a test lets a path speak for itself.
    let files: [HeldFile]
    let paths: [String]

    /// The first one alone, which is the vault's.
    var first: FileProof { FileProof(files: Array(files.prefix(1)), paths: Array(paths.prefix(1))) }

    /// All but the first one.
    var others: FileProof { FileProof(files: Array(files.dropFirst()), paths: Array(paths.dropFirst())) }

    /// Makes sure that the paths mean the same files here.
    ///
    /// - Throws: `WireFailure.otherFile`.
    func check() throws(WireFailure) {
        for (file, path) in zip(files, paths) where !file.isFound(at: path) { throw .otherFile }
    }

    /// What `body` returns or throws, if the paths mean the same files here.
    func result<R>(_ body: () throws(VaultError) -> R) -> Result<R, WireFailure> {
        do throws(WireFailure) {
            try check()
            return .success(try inWire(body))
        } catch {
            return .failure(error)
        }
    }
}

/// Calls `body` and says what it throws as a client hears it.
private func inWire<R>(_ body: () throws(VaultError) -> R) throws(WireFailure) -> R {
    do throws(VaultError) {
        return try body()
    } catch {
        throw .vault(error)
    }
}

internal import Platform
internal import Sodium
internal import Synchronization
internal import VaultFile
internal import VaultCore

/// The thread of one unlocked vault, the only one that waits for the vault's file.
final class VaultWorker: Sendable {
    /// A message from the agent's loop.
    enum Message: Sendable {
        /// Answers requests.
        case requests(Parcel)
        /// Reports the vault's state.
        case status(ClientID, FileProof)
        /// Verifies that the file contains what was last seen at another path.
        case follow(ClientID, String, FileProof)
        /// Prepares a job.
        case job(ClientID, Job, FileProof, otherKey: SharedKey?)
        /// Opens the file again, which this machine now trusts.
        case reopen
        /// Ends the thread when all earlier requests are answered.
        case retire
    }

    /// A message to the agent's loop, from a worker or the thread of a job.
    ///
    /// An error in it becomes a ``WireFailure`` when the client is answered.
    enum Report: Sendable {
        case opened(ClientID, VaultWorker, Result<VaultState, any Error>)
        /// The first `count` bytes of a parcel's requests were answered; `Unsent` is the part of the replies that must wait.
        case answered(ClientID, count: Int, Unsent?, isOver: Bool)
        case state(ClientID, VaultWorker, Result<VaultState, any Error>)
        case followed(ClientID, Result<Void, any Error>)
        case prepared(ClientID, Result<BackgroundJob, any Error>)
        /// The client means another file; none of its requests was answered.
        case refused(Parcel)
        case done(BackgroundJob, Result<JobReport, any Error>)
        /// The file has keys that were not announced.
        case lostKeys(VaultWorker)
    }

    let path: String
    let keys: VaultKeys
    private let dependencies: Dependencies
    /// The file that the client means, until that is checked: a held file takes up disk space even after its removal.
    private let proof: Mutex<FileProof?>
    private let idle = Atomic(false)
    private let inbox: Mailbox<Message>
    private let reports: Mailbox<Report>
    private let backlog: Backlog

    /// - Parameters:
    ///   - dependencies: those of the vault, with the checkpoints that the client named.
    ///   - reports: the mailbox of the agent's loop.
    ///   - backlog: the replies that wait in the agent to be sent.
    /// - Throws: an error of the system, such as `Errno.tooManyFiles`.
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

    /// Sends a message to the thread; nothing may follow ``lock()`` or `Message.retire`.
    func post(_ message: Message) { inbox.post(message) }

    /// True if the thread waits for a message.
    var isIdle: Bool { idle.load(ordering: .relaxed) }

    /// Forgets the keys at once; requests that are not answered yet fail with ``VaultError/locked``.
    func lock() {
        keys.forget()
        inbox.post(.retire)
    }

    /// Opens the vault for `client` and serves it until the worker is retired; called once, on the worker's thread.
    func run(for client: ClientID) {
        let vault: UnlockedVault
        let handler: RequestHandler
        do {
            try proof.withLock { $0.take() }?.check()
            vault = try UnlockedVault(path, keys, dependencies)
            handler = try RequestHandler(vault, reports, backlog)
            reports.post(.opened(client, self, .success(try vault.state())))
        } catch {
            keys.forget()
            return reports.post(.opened(client, self, .failure(error)))
        }
        var isRetired = false
        while !isRetired || handler.timeout != nil {
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
                        handler.answer(parcel)
                    }
                case .status(let client, let proof):
                    reports.post(.state(client, self, proof.result { try vault.state() }))
                case .follow(let client, let lexical, let proof):
                    let result = proof.result { try vault.current().follow(lexical) }
                    reports.post(.followed(client, result))
                case .job(let client, let job, let proof, let otherKey):
                    let prepared = proof.first.result {
                        try vault.prepare(job, proof.others, otherKey: otherKey)
                    }
                    reports.post(.prepared(client, prepared))
                case .reopen: vault.reopen()
                case .retire: isRetired = true
                }
            }
            handler.proceed()
            Stack.wipe()
            if keys.areForgotten, !isRetired { reports.post(.lostKeys(self)) }
        }
    }
}

/// The files that a client means, and the paths by which it names them.
struct FileProof: Sendable {
    /// The files; none in a test that trusts paths.
    let files: [HeldFile]
    let paths: [String]

    /// The first file alone, which is the vault's.
    var first: FileProof { FileProof(files: Array(files.prefix(1)), paths: Array(paths.prefix(1))) }

    /// All files but the first.
    var others: FileProof { FileProof(files: Array(files.dropFirst()), paths: Array(paths.dropFirst())) }

    /// Checks that the agent finds the same files at the paths.
    ///
    /// - Throws: ``WireFailure/otherFile``.
    func check() throws(WireFailure) {
        for (file, path) in zip(files, paths) where !file.isFound(at: path) { throw .otherFile }
    }

    /// Runs `body` if ``check()`` passes.
    func result<R>(_ body: () throws -> R) -> Result<R, any Error> {
        Result {
            try check()
            return try body()
        }
    }
}

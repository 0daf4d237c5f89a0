internal import Platform
internal import Sodium
internal import VaultFile
internal import VaultKit

/// A thread that owns one unlocked vault, and waits for its file where nobody else has to.
final class VaultWorker: Sendable {
    /// What the agent's loop asks.
    enum Message: Sendable {
        /// Answers requests.
        case requests(Parcel)
        /// Tells the vault's numbers.
        case status(ClientID)
        /// Makes sure that what this machine remembers of another path agrees with the file.
        case follow(ClientID, String)
        /// Prepares a job.
        case job(ClientID, Job, otherKey: SharedKey?)
        /// Takes the file anew, which this machine trusts now.
        case reopen
        /// Ends when all that was asked before is answered.
        case retire
    }

    /// What it says to the loop.
    enum Report: Sendable {
        /// It opened the vault, or cannot.
        case opened(ClientID, VaultWorker, Result<VaultNumbers, VaultError>)
        /// So many bytes of a parcel's requests were answered, and what of the last reply waits.
        case answered(ClientID, count: Int, Unsent?, isOver: Bool)
        case numbers(ClientID, VaultWorker, Result<VaultNumbers, VaultError>)
        case followed(ClientID, Result<Void, VaultError>)
        case prepared(ClientID, Result<BackgroundJob, VaultError>)
        /// A job is over.
        case done(job: UInt64, Result<JobReport, VaultError>)
        /// The file has keys that nobody announced.
        case lostKeys(VaultWorker)
    }

    let path: String
    let keys: VaultKeys
    private let surroundings: Surroundings
    private let inbox: Mailbox<Message>
    private let reports: Mailbox<Report>
    private let backlog: Backlog

    /// - Parameters:
    ///   - path: the vault's file.
    ///   - keys: opens it.
    ///   - surroundings: with the checkpoints that the client named.
    ///   - reports: where it says what became of what it was asked.
    ///   - backlog: what waits in the agent to be sent.
    /// - Throws: what the system refuses.
    init(
        _ path: String, _ keys: VaultKeys, _ surroundings: Surroundings, _ reports: Mailbox<Report>,
        _ backlog: Backlog
    ) throws(Errno) {
        (self.path, self.keys, self.reports, self.backlog) = (path, keys, reports, backlog)
        var surroundings = surroundings
        surroundings.cancellation = keys.cancellation
        self.surroundings = surroundings
        inbox = try Mailbox()
    }

    /// Has it do something; ``lock()`` and `Message.retire` come last.
    func post(_ message: Message) { inbox.post(message) }

    /// Forgets the keys at once; what is asked still is answered with "locked".
    func lock() {
        keys.forget()
        inbox.post(.retire)
    }

    /// Opens the vault, tells that to the client who wants it, and does what is asked until it is told to end.
    ///
    /// It is called once, on the worker's thread.
    func run(for client: ClientID) {
        let vault: UnlockedVault
        do throws(VaultError) {
            vault = try UnlockedVault(path, keys, surroundings)
            reports.post(.opened(client, self, .success(try vault.numbers())))
        } catch {
            keys.forget()
            return reports.post(.opened(client, self, .failure(error)))
        }
        var handler: RequestHandler
        do throws(SodiumError) {
            handler = try RequestHandler(vault, reports, backlog)
        } catch {
            keys.forget()
            return reports.post(.lostKeys(self))
        }
        var isEnding = false
        while !isEnding || handler.timeout != nil {
            inbox.wakeup.wait(milliseconds: handler.timeout)
            let messages = inbox.takeAll()
            vault.noteArrival()
            for message in messages {
                switch message {
                case .requests(let parcel): handler.answer(parcel, from: 0)
                case .status(let client): reports.post(.numbers(client, self, numbers(of: vault)))
                case .follow(let client, let lexical):
                    reports.post(.followed(client, follow(lexical, vault)))
                case .job(let client, let job, let otherKey):
                    reports.post(.prepared(client, prepare(job, otherKey, vault)))
                case .reopen: vault.reopen()
                case .retire: isEnding = true
                }
            }
            handler.goOn()
            Stack.wipe()
            if keys.areForgotten, !isEnding { reports.post(.lostKeys(self)) }
        }
    }

    private func numbers(of vault: UnlockedVault) -> Result<VaultNumbers, VaultError> {
        do throws(VaultError) { return .success(try vault.numbers()) } catch { return .failure(error) }
    }

    private func follow(_ lexical: String, _ vault: UnlockedVault) -> Result<Void, VaultError> {
        do throws(VaultError) {
            return .success(try vault.current().follow(lexical))
        } catch {
            return .failure(error)
        }
    }

    private func prepare(
        _ job: Job, _ otherKey: SharedKey?, _ vault: UnlockedVault
    ) -> Result<BackgroundJob, VaultError> {
        do throws(VaultError) {
            return .success(try vault.prepare(job, otherKey: otherKey))
        } catch {
            return .failure(error)
        }
    }
}

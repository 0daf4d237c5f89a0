internal import Platform
internal import Sodium
internal import Synchronization
internal import VaultFile
internal import VaultKit

/// The keys of one unlocked vault: the file's, and those that it may get next.
///
/// The agent's loop forgets them at once, whatever the vault's own thread is doing.
final class VaultKeys: Sendable {
    private struct State {
        var present: SharedKey?
        /// As those who change the file's keys announced them; the last one last.
        var successors: [SharedKey] = []
    }

    private let state: Mutex<State>
    /// Ends what is done with the keys when they are forgotten.
    let cancellation = Cancellation()

    /// How many announced keys are kept.
    private static let maxSuccessors = 8

    /// Takes over the file's key.
    init(_ key: consuming Key) { state = Mutex(State(present: SharedKey(key))) }

    /// The file's key.
    ///
    /// - Throws: ``VaultError/locked``.
    func present() throws(VaultError) -> SharedKey {
        guard let key = state.withLock(\.present) else { throw .locked }
        return key
    }

    /// A copy of the file's key.
    ///
    /// - Throws: ``VaultError/locked``; ``VaultError/file(_:)`` if there is no memory.
    func copyOfPresent() throws(VaultError) -> Key { try present().copy() }

    /// The keys that the file may get next.
    var successors: [SharedKey] { state.withLock(\.successors) }

    /// Takes note of a key that the file may get next.
    ///
    /// Of several who change the keys at once, whoever comes first has its way, and not whoever announced last.
    func announce(_ successor: SharedKey) {
        state.withLock { state in
            state.successors = state.successors.suffix(VaultKeys.maxSuccessors - 1) + [successor]
        }
    }

    /// Makes an announced key the file's; those that were announced later may still come.
    func follow(to successor: SharedKey) {
        state.withLock { state in
            guard state.present != nil, let place = state.successors.firstIndex(where: { $0 === successor })
            else { return }
            state.present = successor
            state.successors.removeFirst(place + 1)
        }
    }

    /// Whether the vault is locked.
    var areForgotten: Bool { cancellation.isCancelled }

    /// Locks the vault.
    func forget() {
        cancellation.cancel()
        state.withLock { $0 = State() }
    }
}

extension SharedKey {
    /// A copy in guarded memory of its own.
    func copy() throws(VaultError) -> Key {
        do throws(VaultFileError) {
            return try key.copy()
        } catch {
            throw .file(error)
        }
    }
}

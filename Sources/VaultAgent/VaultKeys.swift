internal import Platform
internal import Sodium
internal import Synchronization
internal import VaultFile
internal import VaultCore

/// The keys of one unlocked vault: the present one, and announced ones that the file may get next.
///
/// The agent's loop can forget them at once, whatever the vault's own thread is doing.
final class VaultKeys: Sendable {
    private struct State {
        var present: SharedKey?
        /// The announced keys, in the order of their announcement.
        var successors: [SharedKey] = []
    }

    private let state: Mutex<State>
    /// Cancels all work with the keys when they are forgotten.
    let cancellation = Cancellation()

    /// The maximum number of announced keys; the oldest is dropped for a newer one.
    private static let maxSuccessors = 8

    init(_ key: consuming Key) { state = Mutex(State(present: SharedKey(key))) }

    /// Returns the file's key.
    ///
    /// - Throws: ``VaultError/locked``.
    func present() throws(VaultError) -> SharedKey {
        guard let key = state.withLock(\.present) else { throw .locked }
        return key
    }

    /// The announced keys, in the order of their announcement.
    var successors: [SharedKey] { state.withLock(\.successors) }

    /// Adds a key that the file may get next.
    ///
    /// Several clients can change the keys at the same time: the one that replaces the file first wins, not the one that
    /// announced last.
    func announce(_ successor: SharedKey) {
        state.withLock { state in
            state.successors = state.successors.suffix(VaultKeys.maxSuccessors - 1) + [successor]
        }
    }

    /// Makes an announced key the present one, and keeps those that were announced later.
    func follow(to successor: SharedKey) {
        state.withLock { state in
            guard state.present != nil, let place = state.successors.firstIndex(where: { $0 === successor })
            else { return }
            state.present = successor
            state.successors.removeFirst(place + 1)
        }
    }

    /// True once the vault is locked.
    var areForgotten: Bool { cancellation.isCancelled }

    /// Forgets the keys and cancels the work with them.
    func forget() {
        cancellation.cancel()
        state.withLock { $0 = State() }
    }
}

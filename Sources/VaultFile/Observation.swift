internal import Synchronization

extension Log {
    /// Something about the memory of this machine that a person should be told.
    public enum Observation: Equatable, Sendable {
        /// There is no place where anything could be remembered.
        case nowhereToRemember
        /// What was remembered is not whole.
        case checkpointTorn
        /// The file contains what was seen last, but is of an older generation.
        case compactionUndone
        /// The path is new, and a newer state of the vault was seen elsewhere.
        case newerElsewhere(path: String, time: UInt64)
    }
}

/// What several logs observed, each once until it is taken.
package final class ObservationList: Sendable {
    private let observations = Mutex<[Log.Observation]>([])

    package init() {}

    func add(_ observation: Log.Observation) {
        observations.withLock { if !$0.contains(observation) { $0.append(observation) } }
    }

    /// What was observed since the last call.
    package func take() -> [Log.Observation] {
        observations.withLock { list in
            defer { list = [] }
            return list
        }
    }
}

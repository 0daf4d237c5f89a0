internal import Synchronization

extension Log {
    /// A finding about this machine's checkpoints that the user should be told about.
    public enum Observation: Equatable, Sendable {
        /// There is no directory for checkpoints.
        case nowhereToRemember
        /// A checkpoint is torn or tampered with.
        case checkpointTorn
        /// The file contains the changes that were last seen, but is of an older generation.
        case compactionUndone
        /// The path is new, and a newer state of the vault was seen at another path.
        case newerElsewhere(path: String, time: UInt64)
    }
}

/// The observations of several logs; each is kept once until it is taken.
package final class ObservationList: Sendable {
    private let observations = Mutex<[Log.Observation]>([])

    package init() {}

    func add(_ observation: Log.Observation) {
        observations.withLock { if !$0.contains(observation) { $0.append(observation) } }
    }

    /// Returns the observations since the last call.
    package func take() -> [Log.Observation] {
        observations.withLock { list in
            defer { list = [] }
            return list
        }
    }
}

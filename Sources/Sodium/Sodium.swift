internal import CSodium

/// Errors of the cryptographic primitives.
public enum SodiumError: Error, Equatable, Sendable {
    /// The system has no more guarded memory, or not the memory that Argon2id's parameters demand.
    case outOfMemory
    /// libsodium could not start, because the system has no source of randomness.
    case unavailable
}

/// The libsodium that this program is linked with.
public enum Libsodium {
    /// The version at run time.
    public static var version: String { unsafe String(cString: sodium_version_string()) }
}

/// libsodium's initialisation, which picks the fastest code for this CPU and opens the random source.
enum Library {
    private static let isStarted = sodium_init() >= 0

    /// Initialises libsodium at the first call in a process, from any thread.
    static func start() throws(SodiumError) {
        if !isStarted { throw .unavailable }
    }
}

internal import CSodium

/// What can go wrong below the file format: nothing but memory and misuse.
public enum SodiumError: Error, Equatable, Sendable {
    /// Guarded memory could not be had, or Argon2id could not get the memory that its parameters ask for.
    case outOfMemory
    /// libsodium could not start: the machine offers no randomness.
    case unavailable
}

/// The libsodium that is linked into this program, or loaded by it.
public enum Libsodium {
    /// Its version, as it says itself.
    public static var version: String { unsafe String(cString: sodium_version_string()) }
}

/// libsodium's own initialisation: picks the fastest code for this CPU and opens the random source.
///
/// It is done at the first use of anything here, once a process, and is safe from any thread.
enum Library {
    private static let started: Bool = sodium_init() >= 0

    /// Starts libsodium if it was not.
    static func start() throws(SodiumError) {
        if !started { throw .unavailable }
    }
}

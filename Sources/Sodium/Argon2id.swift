internal import CSodium

/// Argon2id, version 1.3, with one lane and a 64-byte result.
public enum Argon2id {
    /// The length of a salt, in bytes.
    public static let saltSize = 16
    /// The length of a result, in bytes.
    public static let resultSize = 64

    /// The work that one guess at a passphrase costs.
    public struct Parameters: Equatable, Sendable {
        /// The number of passes over the memory.
        public var passes: UInt32
        /// The memory, in KiB.
        public var memoryKiB: UInt32

        /// Creates parameters without checking them; see ``Argon2id/Bounds``.
        public init(passes: UInt32, memoryKiB: UInt32) {
            self.passes = passes
            self.memoryKiB = memoryKiB
        }

        /// 3 passes over 256 MiB: libsodium's MODERATE, and the least that calibration chooses.
        public static let `default` = Parameters(passes: 3, memoryKiB: 256 * 1024)
    }

    /// The range of accepted parameters.
    public struct Bounds: Equatable, Sendable {
        let passes: ClosedRange<UInt32>
        let memoryKiB: ClosedRange<UInt32>
        let maxWork: UInt64

        /// The parameters that a reader accepts: vault-format.md, "Slots".
        ///
        /// The limit of 16 GiB over all passes keeps a hostile file from blocking the reader.
        public static let reading = Bounds(
            passes: 1...32, memoryKiB: 8 * 1024...4096 * 1024, maxWork: 16 * 1024 * 1024)

        /// The parameters that a writer uses: at least 64 MiB and 3 passes.
        public static let writing = Bounds(
            passes: 3...32, memoryKiB: 64 * 1024...4096 * 1024, maxWork: reading.maxWork)

        #if DEBUG
            /// Parameters for tests, with which a vault opens in a millisecond.
            ///
            /// Not in release builds.
            public static let testOnlyWeak = Bounds(
                passes: 1...32, memoryKiB: 8...4096 * 1024, maxWork: reading.maxWork)
        #endif

        /// Returns whether `parameters` lie within the bounds.
        public func contains(_ parameters: Parameters) -> Bool {
            passes.contains(parameters.passes) && memoryKiB.contains(parameters.memoryKiB)
                && UInt64(parameters.passes) * UInt64(parameters.memoryKiB) <= maxWork
        }
    }

    /// Derives ``resultSize`` bytes in guarded memory from `passphrase`.
    ///
    /// The caller must have checked `parameters` against ``Bounds``.
    /// - Throws: ``SodiumError/outOfMemory``, ``SodiumError/unavailable``.
    public static func derive(
        passphrase: Span<UInt8>, salt: Span<UInt8>, parameters: Parameters
    ) throws(SodiumError) -> SecretBytes {
        precondition(salt.count == saltSize)
        var result = try SecretBytes(count: resultSize)
        let status = result.withMutableBytes { result in
            unsafe result.withPointer { result, resultSize in
                unsafe passphrase.withPointer { passphrase, passphraseCount in
                    unsafe salt.withPointer { salt, _ in
                        unsafe passphrase.withMemoryRebound(to: CChar.self, capacity: passphraseCount) {
                            unsafe crypto_pwhash(
                                result, UInt64(resultSize), $0, UInt64(passphraseCount), salt,
                                UInt64(parameters.passes), Int(parameters.memoryKiB) * 1024,
                                crypto_pwhash_ALG_ARGON2ID13)
                        }
                    }
                }
            }
        }
        guard status == 0 else { throw .outOfMemory }
        return result
    }

    /// Chooses parameters that take this machine about three quarters of a second, at least
    /// ``Parameters/default``.
    ///
    /// Memory is raised first, because it costs an attacker more: up to 1 GiB and a quarter of
    /// `availableMemory`.
    /// - Parameters:
    ///   - availableMemory: the free memory of the machine and its control group, in bytes.
    ///   - clock: returns monotonic nanoseconds.
    /// - Throws: ``SodiumError/outOfMemory`` if there is not even enough memory for a trial with 64 MiB.
    public static func calibrate(availableMemory: UInt64, clock: () -> UInt64) throws(SodiumError)
        -> Parameters
    {
        let trial = Parameters(passes: 1, memoryKiB: 64 * 1024)
        let bytes = [UInt8](repeating: 0, count: saltSize)
        let start = clock()
        _ = try derive(passphrase: bytes.span, salt: bytes.span, parameters: trial)
        let elapsed = max(clock() - start, 1)
        return choose(nanosecondsPerPassOf64MiB: elapsed, availableMemory: availableMemory)
    }

    /// Chooses parameters by the time that one pass over 64 MiB takes.
    static func choose(nanosecondsPerPassOf64MiB elapsed: UInt64, availableMemory: UInt64) -> Parameters {
        var chosen = Parameters.default
        func projected(_ parameters: Parameters) -> UInt64 {
            elapsed * UInt64(parameters.passes) * UInt64(parameters.memoryKiB) / (64 * 1024)
        }
        let maxKiB = min(1024 * 1024, availableMemory / 4 / 1024)
        while UInt64(chosen.memoryKiB) * 2 <= maxKiB {
            let doubled = Parameters(passes: chosen.passes, memoryKiB: chosen.memoryKiB * 2)
            guard projected(doubled) <= 750_000_000 else { break }
            chosen = doubled
        }
        while chosen.passes < 16, projected(chosen) < 500_000_000 { chosen.passes += 1 }
        return chosen
    }
}

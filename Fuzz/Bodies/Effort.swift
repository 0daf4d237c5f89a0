import Foundation

@testable import VaultFile

/// Holds the time that a file takes against that of an ordinary one of the same size, which may be doubled, and a second.
///
/// It is the time of this thread alone, by the CPU's clock, so that no other work on the machine makes a finding. A file of the size that
/// a fuzzer makes hardly ever takes a second, whatever is wrong; so what opening gives to checksums is bounded too, which tells long
/// before.
enum Effort {
    /// Without the optimiser, nothing can be said of a second.
    private static let constant = _isDebugAssertConfiguration() ? 10.0 : 1

    /// What opening an ordinary file takes, for each byte of it.
    private static let usual: Double = {
        let disk = FuzzDisk()
        // A name of its own for each record is more than this makes, which takes less.
        disk[Known.path] = Script.file(
            [0] + (0..<200).flatMap { [0x80 | UInt8($0 % 8) << 4, 20, UInt8($0)] })
        let start = now()
        guard
            (try? Log(
                path: Known.path, access: .reading, dependencies: Known.dependencies(disk),
                master: Known.master)) != nil
        else { broken("an ordinary file does not open") }
        return (now() - start) / Double(disk[Known.path].count)
    }()

    /// Seconds that this thread has worked.
    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Calls `body`, and ends the program if that takes longer than it may for a file of `count` bytes.
    static func bounded<R, E>(
        _ what: String, _ count: Int, _ body: () throws(E) -> R
    ) throws(E) -> R {
        let start = now()
        defer {
            let taken = now() - start
            let most = 2 * usual * Double(count) + constant
            require(taken <= most, "\(what) \(count) bytes took \(taken) s, more than \(most)")
        }
        return try body()
    }

    /// Ends the program if opening gave more to checksums than to read everything twice, and to look on twice, takes.
    static func check(_ log: Log, _ model: Model) {
        let (work, most) = (log.replay.work, 4 * model.work + 4608)
        require(work <= most, "opening gave \(work) bytes to checksums, more than \(most)")
    }
}

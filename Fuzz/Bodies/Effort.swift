import Foundation

@testable import VaultFile

/// Limits the time for a file to twice that of an ordinary file of the same size, plus one second.
///
/// Only the CPU time of this thread counts, so that other work on the machine causes no finding. A file as small as a
/// fuzzer's hardly ever takes a second, even with a defect of the engine. So the bytes that opening gives to
/// checksums are limited too, which shows such a defect much earlier.
enum Effort {
    /// The limit holds only with the optimiser.
    private static let constant = _isDebugAssertConfiguration() ? 10.0 : 1

    /// The time that opening an ordinary file takes per byte.
    private static let usual: Double = {
        let disk = FuzzDisk()
        // A file with a different name in each record would take longer; this file takes less.
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

    /// The CPU time of this thread, in seconds.
    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Calls `body`, and ends the program if that exceeds the limit for a file of `count` bytes.
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

    /// Ends the program if opening spent more on checksums than reading all bytes twice, and searching them twice, takes.
    static func check(_ log: Log, _ model: Model) {
        let (work, most) = (log.replay.work, 4 * model.work + 4608)
        require(work <= most, "opening gave \(work) bytes to checksums, more than \(most)")
    }
}

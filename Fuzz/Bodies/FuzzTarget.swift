import Foundation

/// One thing that is fuzzed: what is done with an input, whatever it is.
public protocol FuzzTarget {
    /// What `make fuzz TARGET=…` and the directory of its corpus are called.
    static var name: String { get }
    /// Inputs to begin with, by name.
    static var seeds: [(name: String, input: [UInt8])] { get }
    /// Ends the program if what must hold does not hold for `input`.
    static func run(_ input: [UInt8])
}

extension FuzzTarget {
    /// Writes the seeds into the directory that the environment names, and ends; without one, does nothing.
    public static func writeSeedsIfAsked() {
        guard let directory = ProcessInfo.processInfo.environment["VAULT_FUZZ_SEEDS"] else { return }
        for seed in seeds {
            let path = URL(fileURLWithPath: directory).appendingPathComponent(seed.name)
            do { try Data(seed.input).write(to: path) } catch { broken("cannot write \(path): \(error)") }
        }
        exit(0)
    }
}

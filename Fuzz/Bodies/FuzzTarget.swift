import Foundation

/// A fuzz target.
public protocol FuzzTarget {
    /// The name in `make fuzz TARGET=…`, which is also that of the corpus directory.
    static var name: String { get }
    /// Seed inputs, by name.
    static var seeds: [(name: String, input: [UInt8])] { get }
    /// Ends the program if an invariant does not hold for `input`.
    static func run(_ input: [UInt8])
}

extension FuzzTarget {
    /// If the environment names a directory for seeds, writes them there and exits.
    public static func writeSeedsIfAsked() {
        guard let directory = ProcessInfo.processInfo.environment["VAULT_FUZZ_SEEDS"] else { return }
        for seed in seeds {
            let path = URL(fileURLWithPath: directory).appendingPathComponent(seed.name)
            do { try Data(seed.input).write(to: path) } catch { broken("cannot write \(path): \(error)") }
        }
        exit(0)
    }
}

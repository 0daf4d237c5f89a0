import Compaction
import Glibc
import Sodium
import VaultFile
import VaultCore

/// The library at work on a vault whose passphrase is ``passphrase``.
///
///     engine fill FILE COUNT      puts COUNT secrets in, none of them twice
///     engine open FILE            opens it, its key known
///     engine check FILE           opens it, its key known, and looks for what opening puts up with
///     engine set FILE COUNT       COUNT times: one secret, durable
///     engine import FILE COUNT    COUNT secrets in one transaction
///     engine compact FILE         rewrites it
///
/// Prints nanoseconds: of the whole, or of each `set`. Nothing of finding the key is counted, nor what a process takes to start.
@main
enum Engine {
    static let passphrase = Array("correct horse battery staple".utf8)

    static func main() throws {
        let words = CommandLine.arguments
        guard words.count > 2 else { fatalError("engine WORK FILE [COUNT]") }
        let (path, count) = (words[2], words.count > 3 ? Int(words[3]) ?? 0 : 0)
        switch words[1] {
        case "fill": try fill(path, count)
        case "open", "check":
            let key = try key(path)
            let start = now()
            let vault = try LocalSession.open(at: path, masterKey: key, access: .reading)
            let findings = words[1] == "check" ? try vault.check() : []
            print(now() - start)
            precondition(findings.isEmpty)
        case "set": try set(path, count)
        case "import": try importAll(path, count)
        case "compact":
            let vault = try open(path)
            let start = now()
            let report = try vault.compact(keeping: .none)
            print(now() - start)
            precondition(report.kept > 0)
        default: fatalError("no such work")
        }
    }

    /// A secret whose id has 12 characters and whose name has 24.
    static func secret(_ number: Int) -> SecretID {
        SecretID("SERVICE_TOKEN_" + padded(number, 10), in: .project("project-0007"))
    }

    /// A value of 40 bytes.
    static func value(_ number: Int) -> [UInt8] { Array(("the value of number " + padded(number, 20)).utf8) }

    static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: width - digits.count) + digits
    }

    static func open(_ path: String) throws -> LocalSession {
        try LocalSession.open(at: path, passphrase: passphrase.span)
    }

    /// Puts secrets in, 10,000 in a transaction.
    static func fill(_ path: String, _ count: Int) throws {
        let vault = try open(path)
        for start in stride(from: 0, to: count, by: 10_000) {
            let secrets = (start..<min(count, start + 10_000)).map { (secret($0), value($0)) }
            try vault.commit(try changes(secrets))
        }
    }

    static func changes(_ secrets: [(SecretID, [UInt8])]) throws -> Changes {
        var changes = try Changes()
        for (secret, value) in secrets { try changes.set(secret, to: value.span) }
        return changes
    }

    static func set(_ path: String, _ count: Int) throws {
        let vault = try open(path)
        for number in 0..<count {
            let secrets = [(secret(number), value(number))]
            let start = now()
            try vault.commit(try changes(secrets))
            print(now() - start)
        }
    }

    static func importAll(_ path: String, _ count: Int) throws {
        let vault = try open(path)
        let secrets = (0..<count).map { (secret($0), value($0)) }
        let start = now()
        try vault.commit(try changes(secrets))
        print(now() - start)
    }

    static func key(_ path: String) throws -> Key {
        try Log.readHeader(path: path, dependencies: .live).unlock(passphrase: passphrase.span)
    }

    static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

package import Platform
package import VaultFile
internal import VaultKit

extension Failure {
    /// What is at `path` is not what was seen there last.
    package static func rollback(_ message: String, path: String) -> Failure {
        Failure(
            .rollback, message + Sighting.comparison(path),
            hint: "'vault accept' trusts what is there, 'vault restore' puts a backup in its place")
    }
}

/// What can be told of a vault's file and its mark without a key.
package struct Sighting {
    package let text: String

    /// What this machine saw last at `path`; nil if it saw nothing.
    ///
    /// - Throws: if that cannot be read.
    package static func last(_ path: String) throws(Errno) -> Sighting? {
        guard let mark = try Locations.marks?.mark(of: Locations.realPath(of: path)) else { return nil }
        return Sighting(mark.vaultID, mark.generation, mark.end)
    }

    /// What is there now.
    ///
    /// - Throws: if that cannot be read.
    package static func present(_ path: String) throws(VaultFileError) -> Sighting {
        let header = try Log.readHeader(path: path, surroundings: Surroundings())
        let length = try during(.read) { () throws(Errno) in try DiskStorage().open(path, .reading).length() }
        return Sighting(header.vaultID, header.generation, length)
    }

    private init(_ vaultID: Bytes16, _ generation: UInt64, _ count: UInt64) {
        let id = vaultID.bytes.prefix(4).map { byte in
            String(repeating: "0", count: byte < 16 ? 1 : 0) + String(byte, radix: 16)
        }
        text = "vault \(id.joined()), generation \(generation), \(count) bytes"
    }

    /// Both, for the end of an error's message.
    package static func comparison(_ path: String) -> String {
        guard let last = try? last(path), let present = try? present(path) else { return "" }
        return " (last seen: \(last.text); there now: \(present.text))"
    }
}

internal import Platform
package import Sodium

/// The id of a change: 8 bytes that nobody without the master key can compute, as a little-endian number.
package typealias ChangeID = UInt64

/// Names changes under a master key: vault-format.md, section 9.
package final class ChangeNamer: Sendable {
    private let key: Key

    /// - Throws: ``VaultFileError/outOfMemory``.
    package convenience init(master: borrowing Key) throws(VaultFileError) {
        self.init(try ChangeNamer.key(master))
    }

    private init(_ key: consuming Key) { self.key = key }

    private static func key(_ master: borrowing Key) throws(VaultFileError) -> Key {
        do throws(SodiumError) {
            return try BLAKE2b.deriveKey(from: master, label: "vault-1 changes")
        } catch {
            throw VaultFileError(error)
        }
    }

    /// The id of the change whose transaction ends with a frame of this tag.
    package func id(of tag: Bytes16) throws(VaultFileError) -> ChangeID {
        let message = tag.bytes
        return try ChangeNamer.firstWord(of: message.span, key)
    }

    /// What tells master keys apart, as secret as the ids of changes.
    package static func keyID(of master: borrowing Key) throws(VaultFileError) -> UInt64 {
        let message = Array("vault-1 key id".utf8)
        return try firstWord(of: message.span, master)
    }

    private static func firstWord(
        of message: Span<UInt8>, _ key: borrowing Key
    ) throws(VaultFileError) -> UInt64 {
        let hash: [UInt8]
        do throws(SodiumError) {
            hash = try BLAKE2b.authenticate(message, key: key, count: 16)
        } catch {
            throw VaultFileError(error)
        }
        return hash.span.load(UInt64.self, at: 0)
    }
}

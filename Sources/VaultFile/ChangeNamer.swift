internal import Platform
package import Sodium

/// The id of a change: 8 bytes, as a little-endian number, that cannot be computed without the master key.
package typealias ChangeID = UInt64

/// Computes the ids of changes under a master key: vault-format.md, section 9.
package final class ChangeNamer: Sendable {
    private let key: Key

    /// - Throws: ``VaultFileError/outOfMemory``.
    package init(master: borrowing Key) throws(VaultFileError) {
        key = try guarding(BLAKE2b.deriveKey(from: master, label: "vault-1 changes"))
    }

    /// Returns the id of the change whose transaction ends with a frame of this tag.
    package func id(of tag: Bytes16) throws(VaultFileError) -> ChangeID {
        try ChangeNamer.firstWord(of: tag.bytes, key)
    }

    /// Returns a number that distinguishes master keys; it is as secret as the ids of changes.
    package static func keyID(of master: borrowing Key) throws(VaultFileError) -> UInt64 {
        try firstWord(of: Array("vault-1 key id".utf8), master)
    }

    private static func firstWord(
        of message: [UInt8], _ key: borrowing Key
    ) throws(VaultFileError) -> UInt64 {
        let hash = try guarding(BLAKE2b.authenticate(message.span, key: key, count: 16))
        return hash.span.load(UInt64.self, at: 0)
    }
}

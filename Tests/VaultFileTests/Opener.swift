import Platform
import Sodium

@testable import VaultFile

/// Opens many vaults that share few slots, and derives the key of each slot once.
final class Opener {
    private var masters: [[UInt8]: [UInt8]] = [:]

    /// The vault of `world`, by its passphrase.
    func open(_ world: World) throws(VaultFileError) -> Log {
        let slot = Array(world.bytes.dropFirst(128).prefix(144)) + world.passphrase
        if let known = masters[slot] {
            do throws(VaultFileError) {
                return try Log(
                    path: world.path, access: .writing, surroundings: world.surroundings, master: key(known))
            } catch {
                guard error == .keysChanged else { throw error }
                // The MAC is wrong, which the passphrase tells from a key that was changed.
            }
        }
        return try Log(path: world.path, access: .writing, surroundings: world.surroundings) {
            header throws(VaultFileError) in
            let master = try header.unlock(passphrase: world.passphrase.span)
            masters[slot] = master.withBytes { bytes in bytes.array(bytes.indices) }
            return master
        }
    }

    private func key(_ bytes: [UInt8]) throws(VaultFileError) -> Key {
        try guarding { () throws(SodiumError) in try Key(copying: bytes.span) }
    }

    /// What vault-format.md, section 13, calls an outcome that is not an open vault.
    static func word(_ error: VaultFileError) -> String {
        switch error {
        case .notAVault: "not a vault"
        case .incompleteCopy: "incomplete copy"
        case .unsupported: "unsupported"
        case .damagedHeader: "header damaged"
        case .refusedParameters: "refused"
        case .wrongPassphrase: "wrong passphrase"
        case .tamperedHeader: "tampered with"
        case .damaged: "damage"
        default: "\(error)"
        }
    }
}

/// The library does not read recovery keys; here is what sections 2 and 3 say of them.
extension Opener {
    /// An outcome that the library has no word for.
    struct Refusal: Error {
        let word: String
    }

    private static let digits = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

    /// The vault of `world`, by the text of a recovery key.
    func open(_ world: World, recovery text: String) throws -> Log {
        let header = try Log.readHeader(path: world.path, surroundings: world.surroundings)
        guard header.hasRecoveryKey else { throw Refusal(word: "no recovery key") }
        guard let key = try Opener.recoveryKey(text) else { throw Refusal(word: "mistyped recovery key") }
        let slot = Slot(header.bytes.span, at: Slot.offsets[1])
        let derived = try BLAKE2b.deriveBytes(
            from: key.span, label: "vault-1 recovery", context: slot.salt.span)
        let master = try slot.unwrap(derived: derived, vaultID: header.vaultID)
        guard try header.isAuthentic(master: master) else { throw VaultFileError.tamperedHeader }
        return try Log(
            path: world.path, access: .writing, surroundings: world.surroundings, master: master)
    }

    /// The 20 bytes that a person typed in; nil if they were mistyped.
    private static func recoveryKey(_ text: String) throws -> [UInt8]? {
        var bits: [Bool] = []
        for character in text.uppercased() where character != "-" && character != " " {
            let meant: Character =
                character == "O" ? "0" : character == "I" || character == "L" ? "1" : character
            guard let code = meant.asciiValue, let value = digits.firstIndex(of: code) else { return nil }
            for bit in (0..<5).reversed() { bits.append(value >> bit & 1 == 1) }
        }
        guard bits.count == 180 else { return nil }
        let key = (0..<20).map { byte in
            bits[8 * byte..<8 * byte + 8].reduce(UInt8(0)) { $0 << 1 | ($1 ? 1 : 0) }
        }
        let sum = try BLAKE2b.hash((Array("vault-1 recovery check".utf8) + key).span)
        let check = (0..<20).map { sum[$0 / 8] >> UInt8(7 - $0 % 8) & 1 == 1 }
        return bits[160...].elementsEqual(check) ? key : nil
    }
}

extension Log {
    /// What stands for the whole history: vault-format.md, section 13.
    func digest() throws -> String {
        let encoded = addresses.map { (address: $0, bytes: ForgedRecord.body($0)) }
        var message: [UInt8] = []
        for (address, bytes) in encoded.sorted(by: { $0.bytes.lexicographicallyPrecedes($1.bytes) }) {
            let entries = try entries(address)
            message += bytes
            message.append(littleEndian: UInt32(entries.count))
            for entry in entries {
                message.append(littleEndian: entry.time)
                message.append(entry.value == nil ? RecordKind.tombstone.rawValue : RecordKind.value.rawValue)
                message.append(littleEndian: UInt32(entry.value?.count ?? 0))
                message += entry.value ?? []
            }
        }
        return try BLAKE2b.hash(message.span).hexadecimal
    }
}

extension [UInt8] {
    fileprivate mutating func append(littleEndian value: some FixedWidthInteger & UnsignedInteger) {
        let start = count
        self += repeatElement(0, count: MemoryLayout.size(ofValue: value))
        store(value, at: start)
    }
}

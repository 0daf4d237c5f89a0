import Compaction
import Platform
import Sodium

@testable import VaultFile

/// Opens many vaults with few different slots, and derives the key of each slot once.
final class Opener {
    private var masters: [[UInt8]: [UInt8]] = [:]

    /// Opens the vault of `world` with its passphrase.
    func open(_ world: World) throws(VaultFileError) -> Log { try open(world, at: world.path, .writing) }

    /// Opens the vault at `path` on the disk of `world` with its passphrase.
    func open(_ world: World, at path: String, _ access: StorageAccess) throws(VaultFileError) -> Log {
        let slot = Array(world.disk[path].dropFirst(128).prefix(144)) + world.passphrase
        if let known = masters[slot] {
            do throws(VaultFileError) {
                return try Log(
                    path: path, access: access, dependencies: world.dependencies, master: key(known))
            } catch {
                guard error == .keysChanged else { throw error }
                // The MAC is wrong; only the passphrase can tell whether the key was changed.
            }
        }
        return try Log(path: path, access: access, dependencies: world.dependencies) {
            header throws(VaultFileError) in
            let master = try header.unlock(passphrase: world.passphrase.span)
            masters[slot] = master.withBytes { bytes in bytes.array(bytes.indices) }
            return master
        }
    }

    private func key(_ bytes: [UInt8]) throws(VaultFileError) -> Key {
        try guarding(Key(copying: bytes.span))
    }

    /// Returns the name of an error in vault-format.md, section 13.
    static func word(_ error: VaultFileError) -> String {
        switch error {
        case .notAVault: "not a vault"
        case .incompleteCopy: "incomplete copy"
        case .unsupported: "unsupported"
        case .damagedHeader: "header damaged"
        case .refusedParameters: "refused"
        case .wrongPassphrase, .wrongRecoveryKey: "wrong passphrase"
        case .mistypedRecoveryKey: "mistyped recovery key"
        case .noRecoveryKey: "no recovery key"
        case .tamperedHeader: "tampered with"
        case .damaged: "damage"
        case .readOnly: "read only"
        case .numbersExhausted: "exhausted"
        default: "\(error)"
        }
    }
}

extension Opener {
    /// Opens the vault of `world` with the text of a recovery key.
    func open(_ world: World, recovery text: String) throws(VaultFileError) -> Log {
        let typed = Array(text.utf8)
        return try Log(path: world.path, access: .writing, dependencies: world.dependencies) {
            header throws(VaultFileError) in
            guard header.hasRecoveryKey else { throw .noRecoveryKey }
            return try header.unlock(with: .recovery(try RecoveryKey(typed: typed.span)))
        }
    }
}

extension Opener {
    /// Returns the key of a file whose header may be damaged.
    func salvageKey(of world: World) throws(VaultFileError) -> Key {
        let headers = try Salvage.headers(of: world.path, dependencies: world.dependencies)
        for header in headers.dropLast() {
            if let key = try? header.unlock(passphrase: world.passphrase.span) { return key }
        }
        return try headers[headers.count - 1].unlock(passphrase: world.passphrase.span)
    }
}

extension Log {
    /// Returns the digest of the whole history: vault-format.md, section 13.
    func digest() throws -> String {
        // The scope of metadata has the same bit in a digest as in an address.
        let encoded = addresses.map { address in
            (address: address, bytes: [address.packed[0]] + ForgedRecord.body(address).dropFirst())
        }
        var message: [UInt8] = []
        for (address, bytes) in encoded.sorted(by: { $0.bytes.lexicographicallyPrecedes($1.bytes) }) {
            let entries = try entries(address)
            message += bytes
            message.append(littleEndian: UInt32(entries.count))
            for entry in entries {
                message.append(littleEndian: entry.time)
                message.append(ForgedRecord.kind(address, entry.value).rawValue)
                message.append(littleEndian: UInt32(entry.value?.count ?? 0))
                message += entry.value ?? []
            }
        }
        return try BLAKE2b.hash(message.span).hexadecimal
    }
}

extension [UInt8] {
    fileprivate mutating func append(
        littleEndian value: some FixedWidthInteger & UnsignedInteger & BitwiseCopyable
    ) {
        let start = count
        self += repeatElement(0, count: MemoryLayout.size(ofValue: value))
        store(value, at: start)
    }
}

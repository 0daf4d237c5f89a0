internal import Platform

/// The identity of a secret in a vault, or of its metadata: its scope, the scope's id, and its name.
public struct Address: Hashable, Sendable {
    /// The bytes by which the engine compares and stores addresses.
    ///
    /// Three bytes hold the scope, the length of the id and the length of the name; the id and the name follow. The scope of metadata
    /// has ``metadataBit``, so that they have a history of their own.
    public let packed: [UInt8]

    package static let metadataBit: UInt8 = 0x80

    /// True if it is the address of a secret's metadata.
    public var isOfMetadata: Bool { packed[0] & Address.metadataBit != 0 }

    /// The address of the metadata of the secret at this address.
    public var metadata: Address {
        var bytes = packed
        bytes[0] |= Address.metadataBit
        return Address(bytes.span)
    }

    /// The address of the secret whose metadata are at this address, or the address itself.
    public var secret: Address {
        var bytes = packed
        bytes[0] &= ~Address.metadataBit
        return Address(bytes.span)
    }

    /// The code of the scope: 1 for the team, 2 for a project, 3 for a cluster.
    public var scope: UInt8 { packed[0] & ~Address.metadataBit }
    /// The id of the project or cluster; empty for the team.
    public var id: [UInt8] { Array(packed[3..<3 + Int(packed[1])]) }
    /// The name of the secret.
    public var name: [UInt8] { Array(packed[(3 + Int(packed[1]))...]) }

    /// Creates an address, or returns nil if the scope, the id or the name breaks a rule of the format.
    public init?(scope: UInt8, id: [UInt8], name: [UInt8]) {
        guard id.count <= Format.maxName, name.count <= Format.maxName else { return nil }
        self.init(takingPacked: [scope, UInt8(id.count), UInt8(name.count)] + id + name)
    }

    init(_ span: Span<UInt8>) { packed = span.array(span.indices) }

    /// Creates an address from its ``packed`` form, or returns nil if that breaks a rule of the format.
    public init?(packed: Span<UInt8>) {
        guard Address.isValid(packed) else { return nil }
        self.init(packed)
    }

    /// Creates an address from its ``packed`` form without a copy, or returns nil if that breaks a rule of the format.
    package init?(takingPacked packed: consuming [UInt8]) {
        guard Address.isValid(packed.span) else { return nil }
        self.packed = packed
    }

    /// Returns whether packed bytes follow the rules for scopes, ids and names.
    package static func isValid(_ packed: Span<UInt8>) -> Bool {
        isValid(packed, inScope: (packed.isEmpty ? 0 : packed[0]) & ~metadataBit)
    }

    /// The same for the address of a secret, not of metadata.
    package static func isSecret(_ packed: Span<UInt8>) -> Bool {
        isValid(packed, inScope: packed.isEmpty ? 0 : packed[0])
    }

    private static func isValid(_ packed: Span<UInt8>, inScope scope: UInt8) -> Bool {
        guard packed.count >= 3 else { return false }
        let (idEnd, count) = (3 + Int(packed[1]), 3 + Int(packed[1]) + Int(packed[2]))
        guard packed.count == count, isName(packed.extracting(idEnd..<count)) else { return false }
        return switch scope {
        case 1: idEnd == 3
        case 2, 3: isID(packed.extracting(3..<idEnd))
        default: false
        }
    }

    /// Returns whether `text` is 1 to 128 characters of `[A-Za-z_][A-Za-z0-9_.-]*`.
    package static func isName(_ text: Span<UInt8>) -> Bool { isWord(text) && !isDigit(text[0]) }

    /// Returns whether `text` is 1 to 128 characters of `[A-Za-z0-9][A-Za-z0-9_.-]*`.
    package static func isID(_ text: Span<UInt8>) -> Bool { isWord(text) && text[0] != UInt8(ascii: "_") }

    private static func isWord(_ text: Span<UInt8>) -> Bool {
        guard (1...Format.maxName).contains(text.count) else { return false }
        for index in text.indices {
            let byte = text[index]
            if isLetterOrDigit(byte) || byte == UInt8(ascii: "_") { continue }
            guard index > 0, byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") else { return false }
        }
        return true
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        let lower = byte | 0x20
        return isDigit(byte) || (lower >= UInt8(ascii: "a") && lower <= UInt8(ascii: "z"))
    }
}

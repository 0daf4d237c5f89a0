internal import Platform
internal import Sodium
internal import VaultFile
internal import VaultCore

/// A message that breaks a rule of agent-protocol.md.
struct MalformedMessage: Error {}

/// Reads the fields of a message from front to back, without copying it.
struct FieldReader: ~Escapable {
    private let bytes: Span<UInt8>
    private(set) var position = 0

    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>) { self.bytes = bytes }

    /// The number of bytes that have not been read.
    var remaining: Int { bytes.count - position }

    /// Reads `count` bytes.
    @_lifetime(copy self)
    mutating func take(_ count: Int) throws(MalformedMessage) -> Span<UInt8> {
        guard count >= 0, remaining >= count else { throw MalformedMessage() }
        defer { position += count }
        return bytes.extracting(position..<position + count)
    }

    /// Reads a little-endian number.
    mutating func number<T: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _ type: T.Type = T.self
    ) throws(MalformedMessage) -> T {
        try take(MemoryLayout<T>.size).load(type, at: 0)
    }

    /// Reads a byte that is 0 or 1.
    mutating func flag() throws(MalformedMessage) -> Bool { try flags(1) == 1 }

    /// Reads a byte of which only the `count` low bits may be set.
    mutating func flags(_ count: Int) throws(MalformedMessage) -> UInt8 {
        let bits = try number(UInt8.self)
        guard bits >> count == 0 else { throw MalformedMessage() }
        return bits
    }

    /// Reads `count` bytes of text.
    mutating func text(_ count: Int) throws(MalformedMessage) -> String {
        let field = try take(count)
        guard let text = String(validating: field.indices.map { field[$0] }, as: UTF8.self) else {
            throw MalformedMessage()
        }
        return text
    }

    /// Reads text with its length, a `u16`, before it.
    mutating func text() throws(MalformedMessage) -> String { try text(Int(try number(UInt16.self))) }

    /// Reads a path.
    mutating func path() throws(MalformedMessage) -> String {
        let path = try text()
        guard AgentProtocol.isEncodable(path) else { throw MalformedMessage() }
        return path
    }

    /// Reads the size and the path of a saved tail, with which a message ends; nil if no tail was saved.
    mutating func savedTail() throws(MalformedMessage) -> Log.SavedTail? {
        let (count, path) = (try number(UInt64.self), try text(remaining))
        return path.isEmpty ? nil : Log.SavedTail(count: count, path: path)
    }

    /// Reads a secret.
    mutating func secret() throws(MalformedMessage) -> SecretID {
        guard let secret = SecretID(packed: try packedSecret()) else { throw MalformedMessage() }
        return secret
    }

    /// Reads the address of a secret, not of its metadata.
    mutating func secretAddress() throws(MalformedMessage) -> Address {
        let address = try address()
        if address.isOfMetadata { throw MalformedMessage() }
        return address
    }

    /// Reads the address of a secret or of its metadata.
    mutating func address() throws(MalformedMessage) -> Address {
        guard let address = Address(packed: try packedSecret()) else { throw MalformedMessage() }
        return address
    }

    @_lifetime(copy self)
    private mutating func packedSecret() throws(MalformedMessage) -> Span<UInt8> {
        guard remaining >= 3 else { throw MalformedMessage() }
        return try take(3 + Int(bytes[position + 1]) + Int(bytes[position + 2]))
    }

    /// Reads a key into guarded memory; a message is also malformed if there is no such memory.
    mutating func key() throws(MalformedMessage) -> Key {
        guard let key = try? Key(copying: try take(Key.count)) else { throw MalformedMessage() }
        return key
    }

    /// Reads limits.
    mutating func limits() throws(MalformedMessage) -> Limits {
        let limits = Limits(idle: try number(), total: try number(), locksOnSleep: try flag())
        guard max(limits.idle, limits.total) <= AgentProtocol.maxDuration else { throw MalformedMessage() }
        return limits
    }

    /// Throws if bytes are left.
    func finish() throws(MalformedMessage) {
        if remaining > 0 { throw MalformedMessage() }
    }
}

// How a field is written.

extension FixedWidthInteger where Self: UnsignedInteger {
    /// The little-endian bytes.
    var field: [UInt8] {
        stride(from: 0, to: Self.bitWidth, by: 8).map { UInt8(truncatingIfNeeded: self >> Self($0)) }
    }
}

extension Bool {
    /// A byte that is 0 or 1.
    var field: [UInt8] { [self ? 1 : 0] }
}

extension String {
    /// The length in UTF-8, a `u16`, and the bytes.
    var field: [UInt8] { UInt16(truncatingIfNeeded: utf8.count).field + utf8 }
}

extension SecretID {
    /// The scope, the id and the name; no bytes if these break the format's rules, as none from a file or a message do.
    var field: [UInt8] { field(.value) }

    /// The same for a part of the secret.
    func field(_ part: Part) -> [UInt8] { (try? packed(part)) ?? [] }
}

extension Limits {
    var field: [UInt8] { idle.field + total.field + locksOnSleep.field }
}

extension Log.SavedTail? {
    /// The size and the path, with which a message ends; 0 and no bytes if no tail was saved.
    var field: [UInt8] { (self?.count ?? 0).field + (self?.path ?? "").utf8 }
}

extension SecretBuffer {
    /// Creates a buffer that holds a copy of `bytes`.
    init(copying bytes: Span<UInt8>) throws(SodiumError) {
        var copy = try SecretBuffer(capacity: bytes.count)
        try copy.append(bytes)
        self = copy
    }

    /// Appends the length and the kind of a message whose body has `bodySize` bytes.
    mutating func appendHead(_ kind: UInt8, bodySize: Int) throws(SodiumError) {
        try append(UInt32(1 + bodySize).field + [kind])
    }

    /// Appends bytes that are not secret.
    mutating func append(_ bytes: [UInt8]) throws(SodiumError) { try append(bytes.span) }
}

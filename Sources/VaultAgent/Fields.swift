internal import Sodium
internal import VaultFile
internal import VaultKit

/// The sender broke a rule of agent-protocol.md.
struct MalformedMessage: Error {}

/// Reads the fields of a message one after the other; the bytes themselves are lent for each.
struct FieldReader {
    private(set) var position: Int

    init(at position: Int = 0) { self.position = position }

    /// The next bytes.
    mutating func take(_ count: Int, of body: Span<UInt8>) throws(MalformedMessage) -> Range<Int> {
        guard count >= 0, body.count - position >= count else { throw MalformedMessage() }
        defer { position += count }
        return position..<position + count
    }

    /// The next little-endian number.
    mutating func number<T: FixedWidthInteger & UnsignedInteger>(
        _ type: T.Type, of body: Span<UInt8>
    ) throws(MalformedMessage) -> T {
        let range = try take(MemoryLayout<T>.size, of: body)
        var result: T = 0
        for index in range.reversed() { result = result << 8 | T(truncatingIfNeeded: body[index]) }
        return result
    }

    /// The next byte, which is 0 or 1.
    mutating func flag(of body: Span<UInt8>) throws(MalformedMessage) -> Bool {
        let byte = try number(UInt8.self, of: body)
        guard byte < 2 else { throw MalformedMessage() }
        return byte == 1
    }

    /// The next `count` bytes as text.
    mutating func text(_ count: Int, of body: Span<UInt8>) throws(MalformedMessage) -> String {
        let range = try take(count, of: body)
        guard let text = String(validating: range.map { body[$0] }, as: UTF8.self) else {
            throw MalformedMessage()
        }
        return text
    }

    /// The next path.
    mutating func path(of body: Span<UInt8>) throws(MalformedMessage) -> String {
        let count = Int(try number(UInt16.self, of: body))
        guard (1...AgentProtocol.maxPath).contains(count) else { throw MalformedMessage() }
        let path = try text(count, of: body)
        guard path.utf8.first == UInt8(ascii: "/"), !path.utf8.contains(0) else { throw MalformedMessage() }
        return path
    }

    /// The next secret.
    mutating func secret(of body: Span<UInt8>) throws(MalformedMessage) -> SecretID {
        guard let secret = SecretID(packed: body.extracting(try packed(of: body))) else {
            throw MalformedMessage()
        }
        return secret
    }

    /// The next secret, by its address.
    mutating func address(of body: Span<UInt8>) throws(MalformedMessage) -> Address {
        guard let address = Address(packed: body.extracting(try packed(of: body))) else {
            throw MalformedMessage()
        }
        return address
    }

    private mutating func packed(of body: Span<UInt8>) throws(MalformedMessage) -> Range<Int> {
        let head = try take(3, of: body)
        let more = try take(Int(body[head.lowerBound + 1]) + Int(body[head.lowerBound + 2]), of: body)
        return head.lowerBound..<more.upperBound
    }

    /// The next key, in guarded memory; without that, the message cannot be read.
    mutating func key(of body: Span<UInt8>) throws(MalformedMessage) -> Key {
        let range = try take(Key.count, of: body)
        guard let key = try? Key(copying: body.extracting(range)) else { throw MalformedMessage() }
        return key
    }

    /// The next limits.
    mutating func limits(of body: Span<UInt8>) throws(MalformedMessage) -> Limits {
        let idle = try number(UInt64.self, of: body)
        let total = try number(UInt64.self, of: body)
        let locksOnSleep = try flag(of: body)
        guard max(idle, total) <= AgentProtocol.maxDuration else { throw MalformedMessage() }
        return Limits(idle: idle, total: total, locksOnSleep: locksOnSleep)
    }

    /// Makes sure that nothing is left.
    func finish(_ body: Span<UInt8>) throws(MalformedMessage) {
        if position != body.count { throw MalformedMessage() }
    }
}

extension FixedWidthInteger where Self: UnsignedInteger {
    /// Its bytes as a message that is no secret has them.
    var littleEndianBytes: [UInt8] {
        stride(from: 0, to: Self.bitWidth, by: 8).map { UInt8(truncatingIfNeeded: self >> Self($0)) }
    }
}

extension SecretBuffer {
    /// Appends the length and the kind of a message whose body has `bodySize` bytes.
    mutating func appendHead(_ kind: UInt8, bodySize: Int) throws(SodiumError) {
        try append(number: UInt32(1 + bodySize))
        try append(kind)
    }

    /// Appends a little-endian number.
    mutating func append<T: FixedWidthInteger & UnsignedInteger>(number: T) throws(SodiumError) {
        for shift in stride(from: 0, to: T.bitWidth, by: 8) {
            try append(UInt8(truncatingIfNeeded: number >> T(shift)))
        }
    }

    /// Appends bytes that are no secret.
    mutating func append(_ bytes: [UInt8]) throws(SodiumError) { try append(bytes.span) }

    /// Appends a path.
    mutating func append(path: String) throws(SodiumError) {
        try append(number: UInt16(path.utf8.count))
        try append(Array(path.utf8))
    }

    /// Appends limits.
    mutating func append(_ limits: Limits) throws(SodiumError) {
        try append(number: limits.idle)
        try append(number: limits.total)
        try append(limits.locksOnSleep ? 1 : 0)
    }

    /// How many bytes ``append(_:)`` writes for limits.
    static var limitsSize: Int { 17 }
}

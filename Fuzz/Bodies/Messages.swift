import Sodium

@testable import VaultAgent

/// The requests that an input describes, with framing that is valid under agent-protocol.md or not.
struct Messages {
    /// Paths with and without a vault; the first has one that ``Script`` makes of a few records.
    static let paths = [
        "/home/a.vault", "/home/b.vault", "/home/tail.vault", "/home/damaged.vault", "/home/none.vault",
        "/home/new.vault", "/home/other.vault", "/",
    ]

    static let hello = framed([0] + Array("vault-ag".utf8) + [5, 0])

    static func framed(_ message: [UInt8]) -> [UInt8] {
        var head = [UInt8](repeating: 0, count: 4)
        head.store(UInt32(message.count), at: 0)
        return head + message
    }

    static func path(_ path: String) -> [UInt8] {
        var count = [UInt8](repeating: 0, count: 2)
        count.store(UInt16(path.utf8.count), at: 0)
        return count + Array(path.utf8)
    }

    private static func limits(_ idle: UInt64, _ total: UInt64, _ flags: UInt8 = 0) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 17)
        bytes.store(idle, at: 0)
        bytes.store(total, at: 8)
        bytes[16] = flags
        return bytes
    }

    static func unlock(_ vault: String, key: [UInt8] = Known.masterBytes) -> [UInt8] {
        framed([3] + path(vault) + key + limits(3_600_000, 43_200_000) + [0, 0, 0])
    }

    static func open(_ vault: String) -> [UInt8] { framed([6] + path(vault)) }

    private var reader: InputReader
    private(set) var bytes: [UInt8] = []

    /// - Parameter input: descriptions of messages. Each begins with a byte whose lower half is the kind; 15 stands for raw
    ///   bytes, with a correct length before them if the upper half is odd.
    init(_ input: [UInt8]) {
        reader = InputReader(input)
        while !reader.isAtEnd { add(reader.byte()) }
    }

    private mutating func add(_ code: UInt8) {
        let (kind, argument) = (code & 15, code >> 4)
        switch kind {
        case 15 where argument & 1 == 1: bytes += Messages.framed(reader.take(Int(reader.byte())))
        case 15: bytes += reader.take(Int(reader.byte()))
        case 1 where argument != 0: bytes += Messages.framed([15] + body(kind, argument))
        default: bytes += Messages.framed([kind] + body(kind, argument))
        }
    }

    private mutating func path(_ number: UInt8) -> [UInt8] { Messages.path(Messages.paths[Int(number & 7)]) }

    private mutating func body(_ kind: UInt8, _ argument: UInt8) -> [UInt8] {
        switch kind {
        case 0:
            return Array("vault-ag".utf8) + (argument == 0 ? [5, 0] : [reader.byte(), reader.byte()])
        case 2, 5, 6: return path(argument)
        case 3:
            let key = argument & 8 == 0 ? Known.masterBytes : [UInt8](repeating: 1, count: 32)
            let (limits, isCopy) = limits()
            return path(argument) + key + limits + [isCopy ? 1 : 0, 0, 0]
        case 4: return path(argument) + limits().bytes
        case 7: return [argument & 1]
        case 8: return secret(argument)
        case 9: return part(argument, isMetadata: argument & 8 != 0)
        case 10:
            let version = reader.byte()
            return part(argument, isMetadata: version & 0x80 != 0) + [version & 0x7F, 0, 0, argument & 8]
        case 11: return commit(argument)
        case 13: return path(argument) + job()
        case 14:
            return path(argument) + (argument & 8 == 0 ? Known.masterBytes : [UInt8](repeating: 2, count: 32))
        // A Stop has no argument, so Stop with an argument stands for the kinds that have no number here.
        case 1 where argument != 0: return path(argument) + path(reader.byte())
        default: return []
        }
    }

    private mutating func limits() -> (bytes: [UInt8], isCopy: Bool) {
        let flags = reader.byte()
        let idle: UInt64 = flags & 2 == 0 ? 3_600_000 : reader.number(UInt64.self)
        let total: UInt64 = flags & 4 == 0 ? 43_200_000 : reader.number(UInt64.self)
        return (Messages.limits(idle, total, flags & 1), flags & 8 != 0)
    }

    private func secret(_ argument: UInt8) -> [UInt8] { Script.addresses[Int(argument & 7)].packed }

    private func part(_ argument: UInt8, isMetadata: Bool) -> [UInt8] {
        let address = Script.addresses[Int(argument & 7)]
        return isMetadata ? address.metadata.packed : address.packed
    }

    private mutating func commit(_ argument: UInt8) -> [UInt8] {
        var body: [UInt8] = []
        for _ in 0...argument & 3 {
            let which = reader.byte()
            let isCondition = which & 32 != 0
            var value: [UInt8] = []
            if isCondition, which & 8 == 0 {
                value = [1 + reader.byte() & 1] + [UInt8](repeating: 0, count: 8)
                value.store(Known.now + UInt64(reader.byte()), at: 1)
            } else if which & 8 == 0 {
                value = [UInt8](repeating: which, count: Int(reader.byte()))
            }
            var count = [UInt8](repeating: 0, count: 4)
            count.store(UInt32(value.count), at: 0)
            let kind: UInt8 = isCondition ? 3 : which & 8 == 0 ? 1 : 2
            body += [kind] + part(which, isMetadata: which & 16 != 0) + count + value
        }
        return body
    }

    private mutating func job() -> [UInt8] {
        let which = reader.byte()
        let kind = 1 + which % 10
        switch kind {
        case 3: return [3] + path(which >> 4) + (which & 8 == 0 ? [0] : [1])
        case 5: return [5] + path(which >> 4) + [0]
        case 4, 6, 10: return [kind] + path(which >> 4) + path(reader.byte())
        case 7: return [7] + path(which >> 4) + path(reader.byte()) + [reader.byte() & 31]
        case 9:
            let count = reader.byte()
            let number = [UInt8](repeating: count == 255 ? 255 : 0, count: 7)
            let shown: [UInt8] = which & 8 == 0 ? [0] : [1]
            return [9] + path(which >> 4) + secret(reader.byte()) + [count] + number
                + [UInt8](repeating: 0, count: 8) + shown + [UInt8](repeating: 0, count: 7)
        default: return [kind] + path(which >> 4)
        }
    }
}

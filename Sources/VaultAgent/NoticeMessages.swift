internal import Platform
internal import Sodium
internal import VaultKit

// Notices as agent-protocol.md, section 4, writes them.

extension Notice {
    /// What an agent tells its clients: kind, number and text.
    private var fields: (kind: UInt8, number: UInt64, text: String) {
        switch self {
        case .unfinishedTail(let count): (1, count, "")
        case .savedTail(let count, let path): (2, count, path)
        case .nothingRemembered(let error): (3, UInt64(UInt32(bitPattern: error.rawValue)), "")
        case .nowhereToRemember: (4, 0, "")
        case .checkpointTorn: (5, 0, "")
        case .compactionUndone: (6, 0, "")
        case .newerElsewhere(let path, let time): (7, time, path)
        }
    }

    private init?(kind: UInt8, number: UInt64, text: String) {
        switch kind {
        case 1: self = .unfinishedTail(count: number)
        case 2: self = .savedTail(count: number, path: text)
        case 3: self = .nothingRemembered(Errno(rawValue: Int32(truncatingIfNeeded: number)))
        case 4: self = .nowhereToRemember
        case 5: self = .checkpointTorn
        case 6: self = .compactionUndone
        case 7: self = .newerElsewhere(path: text, time: number)
        default: return nil
        }
    }

    /// The bytes of several.
    static func message(_ notices: [Notice]) -> [UInt8] {
        notices.reduce(into: [UInt8(notices.count)]) { bytes, notice in
            let (kind, number, text) = notice.fields
            bytes += [kind] + number.littleEndianBytes
            bytes += UInt16(text.utf8.count).littleEndianBytes + text.utf8
        }
    }

    fileprivate static func read(
        _ reader: inout FieldReader, _ body: Span<UInt8>
    ) throws(MalformedMessage) -> Notice {
        let kind = try reader.number(UInt8.self, of: body)
        let number = try reader.number(UInt64.self, of: body)
        let text = try reader.text(Int(try reader.number(UInt16.self, of: body)), of: body)
        guard let notice = Notice(kind: kind, number: number, text: text) else { throw MalformedMessage() }
        return notice
    }
}

extension FieldReader {
    /// The next notices.
    mutating func notices(of body: Span<UInt8>) throws(MalformedMessage) -> [Notice] {
        var notices: [Notice] = []
        for _ in 0..<(try number(UInt8.self, of: body)) { notices.append(try Notice.read(&self, body)) }
        return notices
    }
}

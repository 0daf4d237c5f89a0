internal import Platform
internal import Sodium
internal import VaultCore

// Status and notices as agent-protocol.md, section 4, lays them out.

extension AgentStatus {
    /// Reads the body of a reply.
    init(_ reader: inout FieldReader) throws(MalformedMessage) {
        self.init(
            idleLeft: try reader.number(), totalLeft: try reader.number(), generation: try reader.number(),
            secrets: try reader.number(), versions: try reader.number(), liveBytes: try reader.number(),
            deadBytes: try reader.number(), expired: try reader.number(), due: try reader.number())
        let flags = try reader.flags(2)
        locksOnSleep = flags & 1 != 0
        isMemoryLocked = flags & 2 == 0
        notices = try reader.notices()
    }

    /// The body of a reply.
    var body: [UInt8] {
        [idleLeft, totalLeft, generation, secrets, versions, liveBytes, deadBytes, expired, due].flatMap(
            \.field)
            + [(locksOnSleep ? 1 : 0) | (isMemoryLocked ? 0 : 2)] + notices.field
    }
}

extension [Notice] {
    /// The number of notices, a `u8`, and the notices.
    var field: [UInt8] {
        reduce(into: [UInt8(count)]) { bytes, notice in
            let (kind, number, text) = notice.fields
            bytes += [kind] + number.field + text.field
        }
    }
}

extension FieldReader {
    /// Reads notices.
    mutating func notices() throws(MalformedMessage) -> [Notice] {
        var notices: [Notice] = []
        for _ in 0..<(try number(UInt8.self)) {
            guard let notice = Notice(kind: try number(), number: try number(), text: try text()) else {
                throw MalformedMessage()
            }
            notices.append(notice)
        }
        return notices
    }
}

extension Notice {
    fileprivate var fields: (kind: UInt8, number: UInt64, text: String) {
        switch self {
        case .unfinishedTail(let count): (1, count, "")
        case .savedTail(let count, let path): (2, count, path)
        case .nothingRemembered(let error): (3, error.number, "")
        case .nowhereToRemember: (4, 0, "")
        case .checkpointTorn: (5, 0, "")
        case .compactionUndone: (6, 0, "")
        case .newerElsewhere(let path, let time): (7, time, path)
        }
    }

    fileprivate init?(kind: UInt8, number: UInt64, text: String) {
        switch kind {
        case 1: self = .unfinishedTail(count: number)
        case 2: self = .savedTail(count: number, path: text)
        case 3: self = .nothingRemembered(Errno(field: number))
        case 4: self = .nowhereToRemember
        case 5: self = .checkpointTorn
        case 6: self = .compactionUndone
        case 7: self = .newerElsewhere(path: text, time: number)
        default: return nil
        }
    }
}

extension Summary {
    /// Reads the body of a reply.
    init(_ reader: inout FieldReader) throws(MalformedMessage) {
        self.init(
            generation: try reader.number(), secrets: Int(clamping: try reader.number(UInt64.self)),
            versions: Int(clamping: try reader.number(UInt64.self)), committedBytes: try reader.number(),
            liveBytes: try reader.number())
    }

    /// The body of a reply.
    var body: [UInt8] {
        [generation, UInt64(secrets), UInt64(versions), committedBytes, liveBytes].flatMap(\.field)
    }
}

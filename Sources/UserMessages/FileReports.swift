internal import Platform
package import VaultCore
package import VaultFile

extension Verification {
    /// One line about a file without damage.
    package var summary: String {
        "ok: \(Words.count(secrets, "secret")), \(Words.count(versions, "version")), \(point.end) bytes\n"
    }

    /// The file at `path` in two lines of which the second begins with a time, so that a person sees which of several is older.
    package func lines(_ path: String) -> [String] {
        let last = newest == 0 ? "no changes" : "changed \(UTCTimestamp.format(newest))"
        return [
            "vault \(point.vaultID.shortText) in \(path)",
            "\(last), generation \(point.generation), \(content)",
        ]
    }

    /// Warns that the file at `path` still contains versions that were purged elsewhere.
    package func warnOfHidden(in path: String) {
        if hidden == 0 { return }
        Output.warn("\(path) has \(Words.count(hidden, "purged version")), which no history shows")
        Output.hint("'vault compact --keep all' removes them from the file")
    }

    /// The number of secrets and versions.
    package var content: String { "\(Words.count(secrets, "secret")) in \(Words.count(versions, "version"))" }

    /// The content as fields of a JSON object.
    package var fields: [(String, JSON)] {
        [("secrets", .count(secrets)), ("versions", .count(versions)), ("bytes", .count(point.end))]
    }
}

extension Log.Finding {
    /// The finding as fields of a JSON object.
    package var fields: [(String, JSON)] {
        let bytes: UInt64? =
            switch self {
            case .headerCopyDiffers, .gapNotZero: nil
            case .noFrames(_, let count): count
            case .unfinishedTail(let tail): tail.count
            }
        return [
            ("offset", .count(offset)), ("bytes", bytes.map { .count($0) } ?? .null),
            ("damage", .bool(damage != nil)), ("message", .string(words)),
        ]
    }

    /// The offset of the first byte that it is about.
    package var offset: UInt64 {
        switch self {
        case .headerCopyDiffers(let offset), .gapNotZero(let offset), .noFrames(let offset, _): offset
        case .unfinishedTail(let tail): tail.offset
        }
    }

    package var words: String {
        switch self {
        case .headerCopyDiffers:
            "the header's copy is damaged; 'vault help salvage' explains how to write an intact one"
        case .gapNotZero:
            "the padding after the header is damaged; it holds no data, and salvage omits it"
        case .noFrames(_, let count):
            "\(count) bytes contain no complete frame: damage, or an unfinished write"
        case .unfinishedTail(let tail):
            "\(tail.count) bytes are not part of a complete change; the next write moves them aside"
        }
    }
}

internal import Platform
package import VaultCore

/// A moment as an option gives it.
package enum Moment: Equatable, Sendable {
    case never
    /// Milliseconds, since 1970 or from the change on.
    case after(UInt64)

    /// Reads `never`, a time such as `2027-01-31`, or a duration from `now` on such as `90d`, `6w` or `1y`; nil if the text is none of these.
    package static func parse(_ text: String, now: UInt64) -> Moment? {
        if text == "never" { return .never }
        if let time = UTCTimestamp.parse(text) { return .after(time) }
        return period(text).map { .after(now + $0) }
    }

    /// Returns the milliseconds of a duration, also in weeks and in years of 365 days.
    private static func period(_ text: String) -> UInt64? {
        let days: [Character: UInt64] = ["w": 7, "y": 365]
        guard let unit = text.last, let count = days[unit] else { return DurationFormat.parse(text) }
        return DurationFormat.parse("\(text.dropLast())d").map { $0 * count }
    }

    /// Reads `never` or a duration such as `90d`; nil if the text is neither.
    package static func parsePeriod(_ text: String) -> Moment? {
        text == "never" ? .never : period(text).map { .after($0) }
    }

    /// Returns dates that an option gave in words, after a colon; nothing if none was given.
    package static func words(expires: Moment?, rotateEvery: Moment?) -> String {
        let now = SystemClock.wallMilliseconds()
        let expiry = expires.flatMap(\.milliseconds).map { time in
            let distance =
                time > now ? "in \(DurationFormat.words(milliseconds: time - now))" : "which is past"
            return "expires \(UTCTimestamp.format(time)), \(distance)"
        }
        let rotation = rotateEvery.flatMap(\.milliseconds).map {
            "to be replaced every \(DurationFormat.words(milliseconds: $0))"
        }
        let parts = [expiry, rotation].compactMap(\.self)
        return parts.isEmpty ? "" : ": \(parts.joined(separator: "; "))"
    }

    /// The number of milliseconds; nil for never.
    package var milliseconds: UInt64? {
        if case .after(let time) = self { time } else { nil }
    }
}

extension Metadata {
    /// When the secret expired, in words that follow its name; nil if it has not.
    package var expiry: String? {
        guard isExpired(at: SystemClock.wallMilliseconds()), let expires else { return nil }
        return "expired on \(UTCTimestamp.format(expires))"
    }
}

extension DescribedSecret {
    /// What is known of the secret, a line each.
    ///
    /// - Parameter now: the present time, in milliseconds since 1970.
    package func lines(now: UInt64) -> [String] {
        func distance(_ time: UInt64) -> String {
            time > now
                ? "in \(DurationFormat.words(milliseconds: time - now))"
                : "\(DurationFormat.words(milliseconds: now - time)) ago"
        }
        let rotation = metadata.rotateEvery.map {
            "\(DurationFormat.words(milliseconds: $0)), due \(distance(time + $0))"
        }
        let expiry = metadata.expires.map { "\(UTCTimestamp.format($0)), \(distance($0))" }
        let age = "\(UTCTimestamp.format(time)), \(distance(time))"
        let texts: [(String, String?)] = [
            ("description", metadata.description), ("username", metadata.username),
            ("hosts", metadata.hosts.isEmpty ? nil : metadata.hosts.joined(separator: ", ")),
            ("tags", metadata.tags.isEmpty ? nil : metadata.tags.joined(separator: ", ")),
            ("value set", age), ("expires", expiry), ("rotate every", rotation),
        ]
        let known = texts.compactMap { name, text in text.map { (name, $0) } }
        return (known + metadata.fields.map { ($0.name, $0.text) }).map {
            "\(Output.visible($0)): \(Output.visible($1))"
        }
    }

    /// The same as fields of a JSON object.
    package func fields(now: UInt64) -> [(String, JSON)] {
        [
            ("description", .optional(metadata.description)), ("username", .optional(metadata.username)),
            ("hosts", .array(metadata.hosts.map { .string($0) })),
            ("tags", .array(metadata.tags.map { .string($0) })),
            ("fields", .object(metadata.fields.map { ($0.name, .string($0.text)) })),
            ("set", .string(UTCTimestamp.format(time))),
            ("expires", .optional(metadata.expires.map(UTCTimestamp.format))),
            ("expired", .bool(metadata.isExpired(at: now))),
            ("rotate_every_seconds", metadata.rotateEvery.map { .count($0 / 1000) } ?? .null),
            ("due", .optional(due.map(UTCTimestamp.format))),
        ]
    }
}

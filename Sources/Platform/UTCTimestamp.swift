/// Formats and parses moments in UTC.
public enum UTCTimestamp {
    /// Formats milliseconds since 1970 as in `2026-11-23T22:05:01Z`.
    public static func format(_ milliseconds: UInt64) -> String {
        let seconds = Int(milliseconds / 1000)
        let (days, rest) = (seconds / 86400, seconds % 86400)
        let (year, month, day) = date(daysSince1970: days)
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60)
        return "\(pad(year, 4))-\(pad(month))-\(pad(day))T\(pad(hour)):\(pad(minute)):\(pad(second))Z"
    }

    /// Parses `2026-11-23`, `2026-11-23T22:05` or `2026-11-23T22:05:01`, with a `T` or a space, the last two
    /// with or without a final Z.
    ///
    /// - Returns: milliseconds since 1970; nil for anything else. A missing time of day is midnight;
    ///   missing seconds are 0. With seconds it is the last millisecond of that second, so that the result
    ///   for a text of ``format(_:)`` is never before the moment that was formatted.
    public static func parse(_ text: String) -> UInt64? {
        var bytes = Array(text.utf8)
        if bytes.count > 10, bytes.last == UInt8(ascii: "Z") { bytes.removeLast() }
        guard [10, 16, 19].contains(bytes.count) else { return nil }
        let pattern = Array("dddd-dd-ddTdd:dd:dd".utf8)
        for (byte, expected) in zip(bytes, pattern) {
            switch expected {
            case UInt8(ascii: "d"):
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            case UInt8(ascii: "T"): guard byte == expected || byte == UInt8(ascii: " ") else { return nil }
            default: guard byte == expected else { return nil }
            }
        }
        func number(_ range: Range<Int>) -> Int {
            range.upperBound > bytes.count
                ? 0 : bytes[range].reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        }
        let (year, month, day) = (number(0..<4), number(5..<7), number(8..<10))
        let (hour, minute, second) = (number(11..<13), number(14..<16), number(17..<19))
        guard year >= 1970, (1...12).contains(month), day >= 1, hour < 24, minute < 60, second < 60 else {
            return nil
        }
        let days = daysSince1970(year, month, day)
        guard date(daysSince1970: days) == (year, month, day) else { return nil }
        let moment = UInt64(days * 86400 + hour * 3600 + minute * 60 + second) * 1000
        return bytes.count == pattern.count ? moment + 999 : moment
    }

    /// Returns the date in the proleptic Gregorian calendar, computed in eras of 400 years that begin in
    /// March.
    static func date(daysSince1970 days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let (era, dayOfEra) = (shifted / 146_097, shifted % 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month,
            dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        )
    }

    private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let fromMarch = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = (fromMarch / 400, fromMarch % 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func pad(_ number: Int, _ width: Int = 2) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

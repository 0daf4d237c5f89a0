/// Finds the word that the user may have meant.
public enum Suggestion {
    /// Returns the known name that differs from `name` only in the case of letters, or by one slip, or by two if it is long; nil if there is none.
    ///
    /// Names that a person gave are more alike than the words of a command line.
    public static func nearestName(to name: String, among known: [String]) -> String? {
        let folded = name.lowercased()
        if let other = known.first(where: { $0 != name && $0.lowercased() == folded }) { return other }
        let typed = Array(name.utf8)
        guard (4...40).contains(typed.count) else { return nil }
        let limit = typed.count < 8 ? 1 : 2
        let near = known.filter { abs($0.utf8.count - typed.count) <= limit }
        return near.first { distance(from: typed, to: Array($0.utf8)) == 1 }
            ?? near.first { distance(from: typed, to: Array($0.utf8)) <= limit }
    }

    /// Returns the known word closest to `word`, or the only one that begins with it; nil if there is none.
    public static func nearest(to word: String, among known: [String]) -> String? {
        let typed = Array(word.utf8)
        let letters = typed.drop { $0 == UInt8(ascii: "-") }.count
        // The limit keeps hostile input cheap; short words are all close to each other.
        guard (1...40).contains(letters) else { return nil }
        let limit = letters <= 4 ? 1 : 2

        var best: (word: String, distance: Int)?
        for candidate in known {
            let distance = distance(from: typed, to: Array(candidate.utf8))
            if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        if let best { return best.word }
        let begun = known.filter { letters >= 3 && $0.utf8.starts(with: typed) }
        return begun.count == 1 ? begun.first : nil
    }

    /// The edit distance: how many letters to insert, delete, replace or swap with a neighbour.
    static func distance(from old: [UInt8], to new: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...new.count)
        for i in old.indices {
            var row = [i + 1]
            row.reserveCapacity(new.count + 1)
            for j in new.indices {
                var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (old[i] == new[j] ? 0 : 1))
                if i > 0, j > 0, old[i] == new[j - 1], old[i - 1] == new[j] {
                    cost = min(cost, beforeLast[j - 1] + 1)
                }
                row.append(cost)
            }
            beforeLast = last
            last = row
        }
        return last[new.count]
    }
}

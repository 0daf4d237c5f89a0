/// Puts versions in their places that were not found from old to new, as merges leave them.
///
/// That is done once for all that a replay found and not for each as it is found: each costs a look then, not a walk past all the others
/// of its name.
extension Index {
    /// Versions of one name that have the same time and kind: their values order them.
    struct Tie {
        let place: Int
        /// Where their numbers stand in ``Order/numbers``.
        let range: Range<Int>
    }

    /// One of the versions of a tie.
    struct TiedVersion {
        /// The place of the tie among all.
        let tie: UInt32
        let number: UInt32
        /// Whether its value is that of the one before, once they are sorted.
        var isSame = false
    }

    /// Where all the versions belong of the names that have late ones.
    struct Order {
        /// Their numbers, name by name, each from new to old.
        ///
        /// Those of a tie stand side by side, as they were found.
        fileprivate(set) var numbers: [UInt32] = []
        /// The place of each name, and where its numbers end.
        fileprivate var names: [(place: Int, end: Int)] = []
        fileprivate(set) var ties: [Tie] = []

        /// The versions whose values have to be compared, in the order of the file.
        var tied: [TiedVersion] {
            var tied: [TiedVersion] = []
            for (number, tie) in ties.enumerated() {
                for place in tie.range {
                    tied.append(TiedVersion(tie: UInt32(number), number: numbers[place]))
                }
            }
            return tied.sorted { $0.number < $1.number }
        }
    }

    /// Whether versions wait for their places.
    var hasLate: Bool { !late.isEmpty }

    /// The time of the newest version of a name that waits for its place; nil if none does.
    mutating func latestTime(at place: Int) -> UInt64? {
        if late.isEmpty { return nil }
        if lateTimes == nil {
            var times: [UInt32: UInt64] = [:]
            for number in late {
                let (place, time) = (versions.olders[Int(number)], versions[Int(number)].time)
                times[place] = max(times[place] ?? 0, time)
            }
            lateTimes = times
        }
        return lateTimes?[UInt32(place)]
    }

    /// The version of that number.
    func version(_ number: UInt32) -> Version { versions[Int(number)] }

    /// Orders them by time and kind.
    func order() -> Order {
        let (times, places) = (versions.times, versions.olders)
        let late = late.sorted {
            let (left, right) = (Int($0), Int($1))
            return (places[left], times[right], $0) < (places[right], times[left], $1)
        }
        var order = Order()
        var next = 0
        while next < late.count {
            let place = places[Int(late[next])]
            var linked = newest[Int(place)]
            let start = order.numbers.count
            while true {
                let isLate = next < late.count && places[Int(late[next])] == place
                if linked != Version.none, !isLate || times[Int(linked)] >= times[Int(late[next])] {
                    order.numbers.append(linked)
                    linked = places[Int(linked)]
                } else if isLate {
                    order.append(late: late[next], at: Int(place), from: start, times)
                    next += 1
                } else {
                    break
                }
            }
            order.names.append((Int(place), order.numbers.count))
        }
        return order
    }

    /// Links them.
    ///
    /// - Parameter sorted: the tied ones, tie by tie, by value and then by number.
    mutating func link(_ order: consuming Order, _ sorted: [TiedVersion]) {
        var numbers = order.numbers
        var rest = sorted[...]
        for tie in order.ties {
            // The largest stands first.
            for place in tie.range.reversed() {
                let version = rest.removeFirst()
                if version.isSame { drop(version.number) }
                numbers[place] = version.number
            }
        }
        var start = 0
        for (place, end) in order.names {
            var newer = Version.none
            for number in numbers[start..<end] where !versions.isDropped(Int(number)) {
                if newer == Version.none {
                    newest[place] = number
                } else {
                    versions.olders[Int(newer)] = number
                }
                newer = number
            }
            versions.olders[Int(newer)] = Version.none
            start = end
        }
        orderedCount += numbers.count
        late.removeAll()
        lateTimes = nil
    }

    /// Keeps a version out of every list.
    private mutating func drop(_ number: UInt32) {
        versions.olders[Int(number)] = number
        dropped += 1
    }
}

extension Index.Order {
    /// Adds a late version of the name whose numbers begin at `start`, and notes if it has the time and kind of the one before.
    fileprivate mutating func append(late number: UInt32, at place: Int, from start: Int, _ times: [UInt64]) {
        let time = times[Int(number)]
        var first = numbers.count
        if let last = ties.last, last.range.upperBound == first, first > start,
            times[Int(numbers[first - 1])] == time
        {
            first = last.range.lowerBound
            ties.removeLast()
        } else {
            while first > start, times[Int(numbers[first - 1])] == time { first -= 1 }
        }
        numbers.append(number)
        if first < numbers.count - 1 { ties.append(Index.Tie(place: place, range: first..<numbers.count)) }
    }
}

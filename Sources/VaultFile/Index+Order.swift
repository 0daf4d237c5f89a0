/// Sorts the versions that were not found from old to new, as merges write them.
///
/// This is done once for all versions of a replay: finding the place of each one at once would walk past all
/// others of its name.
extension Index {
    /// Versions of one name with the same time and kind, which their values order.
    struct Tie {
        let place: Int
        /// The range of the tie in ``Order/numbers``.
        let range: Range<Int>
    }

    /// A version of a tie.
    struct TiedVersion {
        /// The index of the tie.
        let tie: UInt32
        let number: UInt32
        /// True if its value is the same as that of the version before it, once they are sorted.
        var isSame = false
    }

    /// The new order of the versions of all names that have late ones.
    struct Order {
        /// The numbers of the versions, name by name, each from new to old.
        ///
        /// The versions of a tie are in any order.
        fileprivate(set) var numbers: [UInt32] = []
        /// The place of each name, and the end of its range in ``numbers``.
        fileprivate var names: [(place: Int, end: Int)] = []
        fileprivate(set) var ties: [Tie] = []

        /// The versions whose values have to be compared, in the order of the file.
        var tied: [TiedVersion] {
            var tied: [TiedVersion] = []
            for (number, tie) in ties.enumerated() {
                for index in tie.range {
                    tied.append(TiedVersion(tie: UInt32(number), number: numbers[index]))
                }
            }
            return tied.sorted { $0.number < $1.number }
        }
    }

    /// True if there are late versions.
    var hasLate: Bool { !late.isEmpty }

    /// Returns the time of the newest late version of a name; nil if there is none.
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

    /// Returns the version of a number.
    func version(_ number: UInt32) -> Version { versions[Int(number)] }

    /// Sorts the versions of each name that has late ones by time and kind.
    func order() -> Order {
        let (times, olders) = (versions.times, versions.olders)
        var order = Order()
        // In place of the next older version, a late one has the place of its name.
        var rest = late.sorted { olders[Int($0)] < olders[Int($1)] }[...]
        while let first = rest.first {
            let place = Int(olders[Int(first)])
            let late = rest.prefix { olders[Int($0)] == place }
            rest = rest.dropFirst(late.count)
            let start = order.numbers.count
            var linked = newest[place]
            while linked != Version.none {
                order.numbers.append(linked)
                linked = olders[Int(linked)]
            }
            order.numbers += late
            order.numbers[start...].sort { times[Int($0)] > times[Int($1)] }
            order.names.append((place, order.numbers.count))
            order.addTies(at: place, from: start, times, with: Set(late.map { times[Int($0)] }))
        }
        return order
    }

    /// Links the versions of each name that has late ones in their order, which leaves none late.
    ///
    /// - Parameter sorted: the tied versions, tie by tie, sorted by value and then by number.
    mutating func link(_ order: consuming Order, _ sorted: [TiedVersion]) {
        var numbers = order.numbers
        var rest = sorted[...]
        for tie in order.ties {
            // The version with the largest value is the newest.
            for index in tie.range.reversed() {
                let version = rest.removeFirst()
                if version.isSame { drop(version.number) }
                numbers[index] = version.number
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

    /// Removes a version from the list of its name, which has the same one already.
    private mutating func drop(_ number: UInt32) {
        versions.olders[Int(number)] = number
        dropped += 1
    }
}

extension Index.Order {
    /// Adds the ties among the sorted numbers from `start` on.
    ///
    /// A tie without a late version was resolved before.
    fileprivate mutating func addTies(
        at place: Int, from start: Int, _ times: [UInt64], with lateTimes: Set<UInt64>
    ) {
        var first = start
        while first < numbers.count {
            let time = times[Int(numbers[first])]
            let end = numbers[first...].firstIndex { times[Int($0)] != time } ?? numbers.count
            if end - first > 1, lateTimes.contains(time) {
                ties.append(Index.Tie(place: place, range: first..<end))
            }
            first = end
        }
    }
}

/// A list of options and operands that fill in a `Command`; a single one is a list of one.
///
/// Written as an array literal of options, operands and lists shared between commands.
public struct Parameters<Command>: Sendable, ExpressibleByArrayLiteral {
    /// The place of a value in the command.
    public typealias Field<Value> = any WritableKeyPath<Command, Value> & Sendable
    /// The same, made only when a value is stored there: a key path costs more than all the rest of a
    /// parameter, and of most commands' parameters few are given.
    public typealias Place<Value> = @Sendable () -> Field<Value>

    /// What is made at once: every operand, and the command's own options.
    let list: [Parameter]
    /// Lists of options alone, made when a command line has options at all.
    private var later: [@Sendable () -> [Parameter]] = []

    /// Joins lists into one.
    public init(arrayLiteral lists: Parameters<Command>...) {
        // Not a flatMap: it would look up at run time what is known here.
        var list: [Parameter] = []
        for index in 0..<lists.count {
            list += lists[index].list
            later += lists[index].later
        }
        self.list = list
    }

    init(_ list: [Parameter]) {
        self.list = list
    }

    /// All of them.
    var all: [Parameter] {
        var all = list
        for make in later { all += make() }
        return all
    }

    /// The parameters as help and completions see them.
    public var outlines: [ParameterOutline] { all.map(\.outline) }

    /// The parameters of a part of the command, which other commands may have too.
    public static func shared<Part>(
        _ parameters: Parameters<Part>, _ path: @autoclosure @escaping Place<Part>
    ) -> Self {
        var result = Self(moved(parameters.list, path, nil))
        for make in parameters.later { result.later.append { moved(make(), path, nil) } }
        return result
    }

    /// The options of a part of the command, which other commands may have too; operands are not among them.
    ///
    /// `group` is their heading in help; without one they stand behind the command's own.
    public static func options<Part>(
        _ parameters: @autoclosure @escaping @Sendable () -> Parameters<Part>,
        _ path: @autoclosure @escaping Place<Part>, group: String? = nil
    ) -> Self {
        var result = Self([])
        result.later.append { moved(parameters().all.filter { !$0.outline.isOperand }, path, group) }
        return result
    }

    /// Parameters of a part, as parameters of the whole.
    private static func moved<Part>(_ list: [Parameter], _ path: @escaping Place<Part>, _ group: String?)
        -> [Parameter]
    {
        var list = list
        for index in list.indices {
            if let group { list[index].outline.group = group }
            let store = list[index].store
            list[index].store = { command, text in
                guard var whole = command as? Command else { return false }
                let path = path()
                var part: Any = whole[keyPath: path]
                guard store(&part, text), let part = part as? Part else { return false }
                whole[keyPath: path] = part
                command = whole
                return true
            }
        }
        return list
    }

    /// A list of one parameter, whose value is read in `format` and then assigned.
    ///
    /// `bare` stands for the value where an option is given without one.
    static func one<Value: Sendable>(
        _ outline: ParameterOutline, _ format: ValueFormat<Value>, bare: Value? = nil,
        assign: @escaping @Sendable (inout Command, Value) -> Void
    ) -> Self {
        let parameter = Parameter(outline: outline) { command, text in
            let value = if let text { format.read(text) } else { bare }
            guard let value, var typed = command as? Command else { return false }
            command = ()  // so that lists are appended to in place
            assign(&typed, value)
            command = typed
            return true
        }
        return Self([parameter])
    }
}

/// One option or operand of a command.
///
/// The type of the command is left to ``Parameters``: thirty of these are made for each command line, and generic
/// types that are made at run time would cost more than all the rest of the program's start.
struct Parameter: Sendable {
    var outline: ParameterOutline
    /// Puts a value into the command; false when the text is not in the parameter's format.
    var store: @Sendable (inout Any, String?) -> Bool
}

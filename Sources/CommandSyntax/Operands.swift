// Operands are filled in the order of the table. Where there are fewer words than operands, the optional ones
// give way: of `[SCOPE] NAME`, a single word is the NAME.

extension Parameters {
    /// An operand in a format, which may be left out.
    public static func operand<Value: Sendable>(
        _ name: String, _ summary: String, _ path: @autoclosure @escaping Place<Value?>,
        as format: ValueFormat<Value>, isRequired: Bool = false, completing completion: Completion? = nil
    ) -> Self {
        one(isOperand: true, { format }) { format in
            .operand(name, summary, isRequired ? 1 : 0, 1, format, completion)
        } assign: {
            $0[keyPath: path()] = $1
        }
    }

    /// An operand in a format, which must be given unless there is a default.
    public static func operand<Value: Sendable>(
        _ name: String, _ summary: String, _ path: @autoclosure @escaping Place<Value>,
        as format: ValueFormat<Value>, isRequired: Bool = true, completing completion: Completion? = nil
    ) -> Self {
        one(isOperand: true, { format }) { format in
            .operand(name, summary, isRequired ? 1 : 0, 1, format, completion)
        } assign: {
            $0[keyPath: path()] = $1
        }
    }

    /// An operand of any text, which may be left out.
    public static func operand(
        _ name: String, _ summary: String, _ path: @autoclosure @escaping Place<String?>,
        isRequired: Bool = false, completing completion: Completion? = nil
    ) -> Self {
        operand(name, summary, path(), as: .text, isRequired: isRequired, completing: completion)
    }

    /// An operand of any text, which must be given unless there is a default.
    public static func operand(
        _ name: String, _ summary: String, _ path: @autoclosure @escaping Place<String>,
        isRequired: Bool = true, completing completion: Completion? = nil
    ) -> Self {
        operand(name, summary, path(), as: .text, isRequired: isRequired, completing: completion)
    }

    /// A list of operands in a format.
    public static func operands<Value: Sendable>(
        _ name: String, _ summary: String, _ path: @autoclosure @escaping Place<[Value]>,
        as format: ValueFormat<Value>, atLeast: Int = 0, atMost: Int = .max,
        completing completion: Completion? = nil
    ) -> Self {
        one(isOperand: true, { format }) { format in
            .operand(name, summary, atLeast, atMost, format, completion)
        } assign: {
            $0[keyPath: path()].append($1)
        }
    }

    /// A list of operands of any text.
    public static func operands(
        _ name: String, _ summary: String, _ path: @autoclosure @escaping Place<[String]>,
        atLeast: Int = 0, atMost: Int = .max, completing completion: Completion? = nil
    ) -> Self {
        operands(name, summary, path(), as: .text, atLeast: atLeast, atMost: atMost, completing: completion)
    }
}

extension ParameterOutline {
    fileprivate static func operand<Value>(
        _ name: String, _ summary: String, _ atLeast: Int, _ atMost: Int, _ format: ValueFormat<Value>,
        _ completion: Completion?
    ) -> Self {
        ParameterOutline(
            kind: .operand(atLeast: atLeast, atMost: atMost), valueName: name, summary: summary,
            expected: format.expected, completion: completion ?? format.completion)
    }
}

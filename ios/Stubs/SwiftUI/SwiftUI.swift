// Stub for the parts of Apple's SwiftUI that the app's views use, for systems without it: its types and actors, so that
// views compile. It draws nothing, stores nothing and calls nothing back. The view modifiers are in Modifiers.swift.
@_exported import Foundation
import UIKit

@MainActor @preconcurrency public protocol View {
    associatedtype Body: View
    @ViewBuilder var body: Body { get }
}

/// One of the system's own views.
public protocol SystemView: View where Body == Never {}

extension SystemView {
    public var body: Never { fatalError("nothing is drawn here") }
}

extension Never: View {
    public var body: Never { fatalError("nothing is drawn here") }
}

extension Optional: View where Wrapped: View {
    public var body: Never { fatalError("nothing is drawn here") }
}

@resultBuilder public struct ViewBuilder {
    public static func buildExpression<Content: View>(_ content: Content) -> Content { content }
    public static func buildBlock() -> EmptyView { EmptyView() }
    public static func buildBlock<Content: View>(_ content: Content) -> Content { content }
    public static func buildBlock<each Content: View>(_: repeat each Content) -> Several { Several() }
    public static func buildIf<Content: View>(_ content: Content?) -> Content? { content }
    public static func buildEither<First: View, Second: View>(first _: First) -> Either<First, Second> { Either() }
    public static func buildEither<First: View, Second: View>(second _: Second) -> Either<First, Second> { Either() }
}

public struct Several: SystemView { nonisolated init() {} }
public struct Either<First: View, Second: View>: SystemView { nonisolated init() {} }
public struct EmptyView: SystemView { public nonisolated init() {} }

// An app, its scenes, and the environment of a view.

@MainActor @preconcurrency public protocol Scene {}
@MainActor @preconcurrency public protocol App {
    associatedtype Body: Scene
    @SceneBuilder var body: Body { get }
    init()
}

extension App {
    public static func main() {}
}

@resultBuilder public struct SceneBuilder {
    public static func buildBlock<Content: Scene>(_ content: Content) -> Content { content }
}

public struct WindowGroup<Content: View>: Scene {
    public nonisolated init(@ViewBuilder content _: () -> Content) {}
}

@MainActor @propertyWrapper public struct UIApplicationDelegateAdaptor<Delegate: NSObject & UIApplicationDelegate> {
    public init(_: Delegate.Type = Delegate.self) {}
    public var wrappedValue: Delegate { fatalError("no app is run here") }
}

public enum ScenePhase: Comparable, Sendable { case background, inactive, active }

@MainActor public struct DismissAction { public func callAsFunction() {} }
@MainActor public struct OpenURLAction { public func callAsFunction(_: URL) {} }

@MainActor public struct EnvironmentValues {
    public var scenePhase: ScenePhase { .inactive }
    public var dismiss: DismissAction { DismissAction() }
    public var openURL: OpenURLAction { OpenURLAction() }
}

@MainActor @propertyWrapper public struct Environment<Value> {
    private let path: KeyPath<EnvironmentValues, Value>
    public init(_ path: KeyPath<EnvironmentValues, Value>) { self.path = path }
    public var wrappedValue: Value { EnvironmentValues()[keyPath: path] }
}

@MainActor @propertyWrapper public struct State<Value> {
    private let initial: Value
    public init(wrappedValue: Value) { initial = wrappedValue }
    public init(initialValue: Value) { initial = initialValue }
    public var wrappedValue: Value {
        get { initial }
        nonmutating set {}
    }
    public var projectedValue: Binding<Value> { Binding { initial } set: { _ in } }
}

@MainActor @propertyWrapper @dynamicMemberLookup public struct Binding<Value> {
    private let get: @MainActor () -> Value
    private let set: @MainActor (Value) -> Void
    public init(get: @escaping @MainActor () -> Value, set: @escaping @MainActor (Value) -> Void) { (self.get, self.set) = (get, set) }
    public var wrappedValue: Value {
        get { get() }
        nonmutating set { set(newValue) }
    }
    public var projectedValue: Binding<Value> { self }
    public subscript<Part>(dynamicMember path: WritableKeyPath<Value, Part>) -> Binding<Part> {
        Binding<Part> { get()[keyPath: path] } set: { part in
            var whole = get()
            whole[keyPath: path] = part
            set(whole)
        }
    }
}

// Texts.

public struct LocalizedStringKey: Equatable, ExpressibleByStringLiteral, Sendable {
    private let key: String
    public init(_ key: String) { self.key = key }
    public init(stringLiteral key: String) { self.key = key }
}

public struct Text: SystemView {
    public struct DateStyle: Sendable { public static let timer = Self() }

    public nonisolated init(_: LocalizedStringKey) {}
    public nonisolated init(verbatim _: String) {}
    public nonisolated init(_: Date, style _: DateStyle) {}
    public nonisolated init(timerInterval _: ClosedRange<Date>, countsDown _: Bool = true) {}
    public nonisolated init<F: FormatStyle>(_: F.FormatInput, format _: F) where F.FormatInput: Equatable, F.FormatOutput == String {}
    public nonisolated static func + (_: Text, _: Text) -> Text { Text(verbatim: "") }
}

public struct Label<Title: View, Icon: View>: SystemView {
    public nonisolated init(@ViewBuilder title _: () -> Title, @ViewBuilder icon _: () -> Icon) {}
}

extension Label where Title == Text, Icon == Image {
    public nonisolated init(_: LocalizedStringKey, systemImage _: String) {}
    public nonisolated init<S: StringProtocol>(_: S, systemImage _: String) {}
}

public struct Image: SystemView { public nonisolated init(systemName _: String) {} }

public struct Font: Sendable {
    public enum Design: Sendable { case `default` }
    public static let largeTitle = Font(), title = Font(), title3 = Font(), headline = Font(), subheadline = Font()
    public static let body = Font(), callout = Font(), footnote = Font()
    public func monospaced() -> Font { self }
    public func monospacedDigit() -> Font { self }
}

public protocol ShapeStyle: Sendable {}
public struct Color: SystemView, ShapeStyle {
    public nonisolated init(_: UIColor) {}
}
extension ShapeStyle where Self == Color {
    public static var red: Color { Color(.systemBackground) }
    public static var orange: Color { Color(.systemBackground) }
}
public struct HierarchicalShapeStyle: ShapeStyle {}
extension ShapeStyle where Self == HierarchicalShapeStyle {
    public static var secondary: HierarchicalShapeStyle { HierarchicalShapeStyle() }
}

// Controls.

public struct ButtonRole: Equatable, Sendable {
    private let name: String
    public static let destructive = Self(name: "destructive"), cancel = Self(name: "cancel")
}

public struct Button<Label: View>: SystemView {
    public nonisolated init(role _: ButtonRole? = nil, action _: @escaping @MainActor () -> Void, @ViewBuilder label _: () -> Label) {}
}

extension Button where Label == Text {
    public nonisolated init(_: LocalizedStringKey, role _: ButtonRole?, action _: @escaping @MainActor () -> Void) {}
}

public struct Toggle: SystemView { public nonisolated init(_: LocalizedStringKey, isOn _: Binding<Bool>) {} }
public struct TextField: SystemView { public nonisolated init(_: LocalizedStringKey, text _: Binding<String>) {} }
public struct SecureField: SystemView { public nonisolated init(_: LocalizedStringKey, text _: Binding<String>) {} }
public struct ProgressView: SystemView { public nonisolated init() {} }

public struct Picker<Value: Hashable, Content: View>: SystemView {
    public nonisolated init(_: LocalizedStringKey, selection _: Binding<Value>, @ViewBuilder content _: () -> Content) {}
}

public struct Menu<Label: View, Content: View>: SystemView {
    public nonisolated init(@ViewBuilder content _: () -> Content, @ViewBuilder label _: () -> Label) {}
}

// Containers.

public enum HorizontalAlignment: Sendable { case leading, center, trailing }
public enum VerticalAlignment: Sendable { case top, center, bottom }
public enum Alignment: Sendable { case center, leading }

public struct VStack<Content: View>: SystemView {
    public nonisolated init(alignment _: HorizontalAlignment = .center, spacing _: Double? = nil, @ViewBuilder content _: () -> Content) {}
}
public struct HStack<Content: View>: SystemView {
    public nonisolated init(alignment _: VerticalAlignment = .center, spacing _: Double? = nil, @ViewBuilder content _: () -> Content) {}
}
public struct ZStack<Content: View>: SystemView { public nonisolated init(@ViewBuilder content _: () -> Content) {} }
public struct Group<Content: View>: SystemView { public nonisolated init(@ViewBuilder content _: () -> Content) {} }
public struct List<Content: View>: SystemView { public nonisolated init(@ViewBuilder content _: () -> Content) {} }
public struct Form<Content: View>: SystemView { public nonisolated init(@ViewBuilder content _: () -> Content) {} }
public struct ScrollView<Content: View>: SystemView { public nonisolated init(@ViewBuilder content _: () -> Content) {} }
public struct ViewThatFits<Content: View>: SystemView { public nonisolated init(@ViewBuilder content _: () -> Content) {} }
public struct TabView<Content: View>: SystemView { public nonisolated init(@ViewBuilder content _: () -> Content) {} }
public struct NavigationStack<Content: View>: SystemView { public nonisolated init(@ViewBuilder root _: () -> Content) {} }
public struct Section<Content: View>: SystemView {
    public nonisolated init(_: LocalizedStringKey, @ViewBuilder content _: () -> Content) {}
}
public struct LabeledContent<Content: View>: SystemView {
    public nonisolated init(_: LocalizedStringKey, @ViewBuilder content _: () -> Content) {}
}
public struct ForEach<Data: RandomAccessCollection, ID: Hashable, Content: View>: SystemView {
    public nonisolated init(_: Data, id _: KeyPath<Data.Element, ID>, @ViewBuilder content _: @escaping (Data.Element) -> Content) {}
}

public protocol TimelineSchedule: Sendable {}
public struct PeriodicTimelineSchedule: TimelineSchedule {}
extension TimelineSchedule where Self == PeriodicTimelineSchedule {
    public static func periodic(from _: Date, by _: TimeInterval) -> Self { PeriodicTimelineSchedule() }
}
public struct TimelineViewDefaultContext { public let date: Date }
public struct TimelineView<Schedule: TimelineSchedule, Content: View>: SystemView {
    public nonisolated init(_: Schedule, @ViewBuilder content _: @escaping (TimelineViewDefaultContext) -> Content) {}
}

public struct ContentUnavailableView: SystemView {
    public nonisolated init(_: LocalizedStringKey, systemImage _: String, description _: Text? = nil) {}
    public nonisolated init<Label: View, Actions: View>(@ViewBuilder label _: () -> Label, @ViewBuilder actions _: () -> Actions) {}
}

@MainActor @preconcurrency public protocol UIViewRepresentable: View where Body == Never {
    associatedtype UIViewType: UIView
    typealias Context = UIViewRepresentableContext<Self>
    func makeUIView(context: Context) -> UIViewType
    func updateUIView(_ view: UIViewType, context: Context)
}
public struct UIViewRepresentableContext<Representable: UIViewRepresentable> {}
extension UIViewRepresentable {
    public var body: Never { fatalError("nothing is drawn here") }
}

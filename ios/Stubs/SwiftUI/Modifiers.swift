// The view modifiers that the app's views use: see SwiftUI.swift.
import Foundation

public struct Modified<Content: View>: SystemView { nonisolated init() {} }

public struct ToolbarItemPlacement: Sendable {
    public static let cancellationAction = Self(), confirmationAction = Self()
}
@MainActor @preconcurrency public protocol ToolbarContent {}
public struct ToolbarItem<Content: View>: ToolbarContent {
    public nonisolated init(placement _: ToolbarItemPlacement, @ViewBuilder content _: () -> Content) {}
}
public struct ToolbarItems: ToolbarContent { nonisolated init() {} }
@resultBuilder public struct ToolbarContentBuilder {
    public static func buildBlock<each Content: ToolbarContent>(_: repeat each Content) -> ToolbarItems { ToolbarItems() }
}

public struct BorderedProminentButtonStyle: Sendable {}
public struct BorderedButtonStyle: Sendable {}
public protocol PrimitiveButtonStyle: Sendable {}
extension BorderedProminentButtonStyle: PrimitiveButtonStyle {}
extension BorderedButtonStyle: PrimitiveButtonStyle {}
extension PrimitiveButtonStyle where Self == BorderedProminentButtonStyle { public static var borderedProminent: Self { Self() } }
extension PrimitiveButtonStyle where Self == BorderedButtonStyle { public static var bordered: Self { Self() } }
public enum ControlSize: Sendable { case regular, large }
public enum Visibility: Sendable { case automatic, visible, hidden }

public struct AccessibilityTraits: Sendable { public static let isModal = Self() }
public struct AccessibilityChildBehavior: Sendable { public static let contain = Self(), combine = Self() }
public struct TextInputAutocapitalization: Sendable { public static var never: Self { Self() } }

extension View {
    // Appearance.
    public nonisolated func font(_: Font?) -> Modified<Self> { Modified() }
    public nonisolated func foregroundStyle<S: ShapeStyle>(_: S) -> Modified<Self> { Modified() }
    public nonisolated func frame(minWidth _: Double? = nil, maxWidth _: Double? = nil, minHeight _: Double? = nil, maxHeight _: Double? = nil,
        alignment _: Alignment = .center) -> Modified<Self> { Modified() }
    public nonisolated func padding() -> Modified<Self> { Modified() }
    public nonisolated func background<S: ShapeStyle>(_: S) -> Modified<Self> { Modified() }
    public nonisolated func ignoresSafeArea() -> Modified<Self> { Modified() }
    public nonisolated func privacySensitive(_: Bool = true) -> Modified<Self> { Modified() }
    public nonisolated func disabled(_: Bool) -> Modified<Self> { Modified() }
    public nonisolated func tag<Tag: Hashable>(_: Tag) -> Modified<Self> { Modified() }
    public nonisolated func navigationTitle(_: LocalizedStringKey) -> Modified<Self> { Modified() }
    public nonisolated func buttonStyle<S: PrimitiveButtonStyle>(_: S) -> Modified<Self> { Modified() }
    public nonisolated func controlSize(_: ControlSize) -> Modified<Self> { Modified() }
    public nonisolated func autocorrectionDisabled(_: Bool = true) -> Modified<Self> { Modified() }
    @MainActor public func textInputAutocapitalization(_: TextInputAutocapitalization?) -> Modified<Self> { Modified() }
    public nonisolated func overlay<V: View>(@ViewBuilder content _: () -> V) -> Modified<Self> { Modified() }
    public nonisolated func tabItem<V: View>(@ViewBuilder _: () -> V) -> Modified<Self> { Modified() }
    public nonisolated func swipeActions<V: View>(@ViewBuilder content _: () -> V) -> Modified<Self> { Modified() }
    public nonisolated func toolbar<V: View>(@ViewBuilder content _: () -> V) -> Modified<Self> { Modified() }
    public nonisolated func toolbar<C: ToolbarContent>(@ToolbarContentBuilder content _: () -> C) -> Modified<Self> { Modified() }

    // Presentation.
    public nonisolated func interactiveDismissDisabled(_: Bool = true) -> Modified<Self> { Modified() }
    public nonisolated func sheet<Item: Identifiable, Content: View>(
        item _: Binding<Item?>, onDismiss _: (() -> Void)? = nil, @ViewBuilder content _: @escaping (Item) -> Content
    ) -> Modified<Self> { Modified() }
    public nonisolated func alert<A: View, M: View>(
        _: Text, isPresented _: Binding<Bool>, @ViewBuilder actions _: () -> A, @ViewBuilder message _: () -> M
    ) -> Modified<Self> { Modified() }
    public nonisolated func confirmationDialog<A: View, M: View>(
        _: Text, isPresented _: Binding<Bool>, titleVisibility _: Visibility = .automatic, @ViewBuilder actions _: () -> A,
        @ViewBuilder message _: () -> M
    ) -> Modified<Self> { Modified() }

    // Events.
    public nonisolated func task(@_inheritActorContext _: @escaping @Sendable () async -> Void) -> Modified<Self> { Modified() }
    public nonisolated func task<ID: Equatable>(id _: ID, @_inheritActorContext _: @escaping @Sendable () async -> Void) -> Modified<Self> { Modified() }
    public nonisolated func refreshable(@_inheritActorContext action _: @escaping @Sendable () async -> Void) -> Modified<Self> { Modified() }
    public nonisolated func onChange<V: Equatable>(of _: V, initial _: Bool = false, _: @escaping (V, V) -> Void) -> Modified<Self> { Modified() }
    public nonisolated func onChange<V: Equatable>(of _: V, initial _: Bool = false, _: @escaping () -> Void) -> Modified<Self> { Modified() }
    public nonisolated func onDisappear(perform _: (() -> Void)? = nil) -> Modified<Self> { Modified() }
    public nonisolated func onOpenURL(perform _: @escaping (URL) -> Void) -> Modified<Self> { Modified() }

    // Accessibility.
    public nonisolated func accessibilityElement(children _: AccessibilityChildBehavior) -> Modified<Self> { Modified() }
    public nonisolated func accessibilityLabel(_: Text) -> Modified<Self> { Modified() }
    public nonisolated func accessibilityValue(_: Text) -> Modified<Self> { Modified() }
    public nonisolated func accessibilityHint(_: Text) -> Modified<Self> { Modified() }
    public nonisolated func accessibilityHidden(_: Bool) -> Modified<Self> { Modified() }
    public nonisolated func accessibilityIdentifier(_: String) -> Modified<Self> { Modified() }
    public nonisolated func accessibilityAddTraits(_: AccessibilityTraits) -> Modified<Self> { Modified() }
    public nonisolated func accessibilityAction(named _: Text, _: @escaping () -> Void) -> Modified<Self> { Modified() }
}

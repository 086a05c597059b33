import AuthenticatorModels
import SwiftUI
import UIKit

extension LocalizedStringKey {
    /// The text of a word, in the person's language.
    init(_ word: Words) { self.init(word.rawValue) }
}

extension Text {
    init(_ word: Words) { self.init(LocalizedStringKey(word)) }

    /// A word where there is one, else what the core calls it.
    init(_ word: Words?, else name: String) {
        self = word.map { Text($0) } ?? Text(verbatim: name)
    }

    /// These texts, with something between them.
    init(_ texts: [Text], separator: String) {
        self = texts.dropFirst().reduce(texts.first ?? Text(verbatim: "")) { $0 + Text(verbatim: separator) + $1 }
    }
}

extension Button where Label == Text {
    init(_ word: Words, role: ButtonRole? = nil, action: @escaping @MainActor () -> Void) {
        self.init(LocalizedStringKey(word), role: role, action: action)
    }
}

/// Something that went wrong, where it happened.
struct FailureText: View {
    let failure: Failure

    var body: some View {
        Label(failure.explanation, systemImage: "exclamationmark.triangle")
            .font(.callout)
            .foregroundStyle(.red)
            .accessibilityIdentifier(failure.code)
    }
}

/// Leads to a page of the system's settings.
struct SystemSettingsLink: View {
    /// As UIKit names the page.
    let address: String
    @Environment(\.openURL) private var openURL

    var body: some View {
        Button(.openSettings) { if let url = URL(string: address) { openURL(url) } }.frame(minHeight: 44)
    }
}

/// Nobody is told of requests, and where that is changed.
struct AlertsOffText: View {
    var body: some View {
        VStack(alignment: .leading) {
            Label(LocalizedStringKey(.alertsOff), systemImage: "bell.slash").font(.callout).foregroundStyle(.orange)
            SystemSettingsLink(address: UIApplication.openNotificationSettingsURLString)
        }
    }
}

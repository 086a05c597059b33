import AuthenticatorModels
import PushAuthenticator
import SwiftUI

/// Settings, the outbox, and the event log of this phone.
struct SettingsView: View {
    @State private var model: SettingsModel
    private let alerts: AlertsModel

    init(services: Services, owner: any OwnerCheck, alerts: AlertsModel) {
        _model = State(initialValue: SettingsModel(services, owner: owner))
        self.alerts = alerts
    }

    var body: some View {
        NavigationStack {
            Form {
                if let failure = model.failure { FailureText(failure: failure) }
                if alerts.areOff { AlertsOffText() }
                Toggle(LocalizedStringKey(.settingsAppLock), isOn: appLock).disabled(!model.canLock && !model.settings.appLock)
                if !model.canLock { Text(.settingsAppLockNeedsPasscode).font(.footnote) }
                Picker(LocalizedStringKey(.settingsHistory), selection: history) {
                    Text(.settingsHistoryAll).tag(UInt32?.none)
                    ForEach([UInt32(50), 200, 1000], id: \.self) { count in
                        (Text(.settingsHistoryCount) + Text(verbatim: " \(count)")).tag(UInt32?.some(count))
                    }
                }
                if !model.outbox.isEmpty {
                    LabeledContent(LocalizedStringKey(.settingsWaiting)) { Text(model.outbox.count, format: .number) }
                    Button(.settingsSend) { Task { await model.sendNow() } }
                }
                Section(LocalizedStringKey(.settingsEvents)) {
                    ForEach(Array(model.events.enumerated()), id: \.offset) { _, event in
                        VStack(alignment: .leading) {
                            Text(Words(eventOf: event.kind), else: event.kind)
                            if let detail = event.detail { Text(verbatim: detail).font(.footnote) }
                            Text(Date(timeIntervalSince1970: Double(event.at) / 1000), format: .dateTime)
                                .font(.footnote)
                                .foregroundStyle(.secondary)
                        }
                        .accessibilityElement(children: .combine)
                    }
                }
            }
            .navigationTitle(LocalizedStringKey(.settingsTitle))
            .refreshable { await model.load() }
            .task { await model.load() }
        }
    }

    private var appLock: Binding<Bool> { Binding { model.settings.appLock } set: { model.setAppLock($0) } }

    private var history: Binding<UInt32?> {
        Binding { model.settings.historyCount } set: { count in Task { await model.setHistory(count: count, days: nil) } }
    }
}

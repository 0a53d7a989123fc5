// A peer of another vendor: a Fast DDS participant that is driven by lines on
// its standard input and speaks raw CDR under the names that it is given.
//
//   peer DOMAIN [address=A]… [only=A] [lease=MILLISECONDS] [enclave=DIRECTORY]
//
// Without an address it is on the loopback interface, and looks for others there;
// "only" is where it looks for the one participant that it shall find.
// With an enclave's directory (SROS 2) it is a member of that keystore.
//
//   pub  TOPIC TYPE reliable|best_effort transient_local|volatile DEPTH USERDATA|-
//   sub  TOPIC TYPE reliable|best_effort transient_local|volatile DEPTH USERDATA|-
//   write TOPIC HEX
//   close TOPIC
//   quit
//
// It answers with: guid HEX · ok HEX · data TOPIC HEX · error TEXT; and tells of
// others' endpoints: found HEX TOPIC TYPE USERDATA|- · lost HEX.
#include <cstdio>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include <fastdds/dds/domain/DomainParticipant.hpp>
#include <fastdds/dds/domain/DomainParticipantFactory.hpp>
#include <fastdds/dds/domain/DomainParticipantListener.hpp>
#include <fastdds/dds/publisher/DataWriter.hpp>
#include <fastdds/dds/publisher/Publisher.hpp>
#include <fastdds/dds/subscriber/DataReader.hpp>
#include <fastdds/dds/subscriber/DataReaderListener.hpp>
#include <fastdds/dds/subscriber/SampleInfo.hpp>
#include <fastdds/dds/subscriber/Subscriber.hpp>
#include <fastdds/dds/topic/TopicDataType.hpp>
#include <fastdds/rtps/transport/UDPv4TransportDescriptor.h>

using namespace eprosima::fastdds::dds;
using eprosima::fastrtps::rtps::GUID_t;
using eprosima::fastrtps::rtps::InstanceHandle_t;
using eprosima::fastrtps::rtps::SerializedPayload_t;
using Bytes = std::vector<unsigned char>;

static std::mutex out_mu;
static void say(const std::string& line) {
  std::lock_guard<std::mutex> lock(out_mu);
  std::cout << line << std::endl;
}

static std::string hex(const unsigned char* p, size_t n) {
  static const char* digits = "0123456789abcdef";
  std::string s;
  for (size_t i = 0; i < n; i++) { s += digits[p[i] >> 4]; s += digits[p[i] & 15]; }
  return s;
}

static std::string hex(const GUID_t& g) {
  unsigned char b[16];
  memcpy(b, g.guidPrefix.value, 12);
  memcpy(b + 12, g.entityId.value, 4);
  return hex(b, 16);
}

static Bytes unhex(const std::string& s) {
  Bytes b;
  for (size_t i = 0; i + 1 < s.size(); i += 2) b.push_back((unsigned char)std::stoi(s.substr(i, 2), nullptr, 16));
  return b;
}

// Raw hands the serialized sample through as it is, header and all.
class Raw : public TopicDataType {
 public:
  explicit Raw(const std::string& name) { setName(name.c_str()); m_typeSize = 4096; m_isGetKeyDefined = false; }
  bool serialize(void* data, SerializedPayload_t* p) override {
    auto* b = static_cast<Bytes*>(data);
    p->reserve((uint32_t)b->size());
    memcpy(p->data, b->data(), b->size());
    p->length = (uint32_t)b->size();
    p->encapsulation = b->size() > 1 && (*b)[1] == 1 ? CDR_LE : CDR_BE;
    return true;
  }
  bool deserialize(SerializedPayload_t* p, void* data) override {
    static_cast<Bytes*>(data)->assign(p->data, p->data + p->length);
    return true;
  }
  std::function<uint32_t()> getSerializedSizeProvider(void* data) override {
    return [data] { return (uint32_t)static_cast<Bytes*>(data)->size(); };
  }
  void* createData() override { return new Bytes(); }
  void deleteData(void* data) override { delete static_cast<Bytes*>(data); }
  bool getKey(void*, InstanceHandle_t*, bool) override { return false; }
};

class Printer : public DataReaderListener {
 public:
  explicit Printer(std::string topic) : topic_(std::move(topic)) {}
  void on_data_available(DataReader* r) override {
    Bytes b;
    SampleInfo info;
    while (r->take_next_sample(&b, &info) == ReturnCode_t::RETCODE_OK)
      if (info.valid_data) say("data " + topic_ + " " + hex(b.data(), b.size()));
  }
 private:
  std::string topic_;
};

// Finder tells of the endpoints that discovery finds, of others.
class Finder : public DomainParticipantListener {
 public:
  void on_publisher_discovery(DomainParticipant* p, eprosima::fastrtps::rtps::WriterDiscoveryInfo&& w) override {
    using Info = eprosima::fastrtps::rtps::WriterDiscoveryInfo;
    tell(p, w.info, w.status == Info::DISCOVERED_WRITER || w.status == Info::CHANGED_QOS_WRITER);
  }
  void on_subscriber_discovery(DomainParticipant* p, eprosima::fastrtps::rtps::ReaderDiscoveryInfo&& r) override {
    using Info = eprosima::fastrtps::rtps::ReaderDiscoveryInfo;
    tell(p, r.info, r.status == Info::DISCOVERED_READER || r.status == Info::CHANGED_QOS_READER);
  }
 private:
  template <class D> static void tell(DomainParticipant* p, const D& d, bool there) {
    if (d.guid().guidPrefix == p->guid().guidPrefix) return;
    const auto& user = d.m_qos.m_userData.getValue();
    if (there)
      say("found " + hex(d.guid()) + " " + d.topicName().to_string() + " " + d.typeName().to_string() + " " +
          (user.empty() ? "-" : std::string(user.begin(), user.end())));
    else
      say("lost " + hex(d.guid()));
  }
};

// secure makes the participant a member of a keystore.
static void secure(DomainParticipantQos& q, const std::string& enclave) {
  auto set = [&](const char* name, const std::string& value) { q.properties().properties().emplace_back(name, value); };
  const std::string auth = "dds.sec.auth.builtin.PKI-DH.", access = "dds.sec.access.builtin.Access-Permissions.";
  const std::string file = "file://" + enclave + "/";
  set("dds.sec.auth.plugin", "builtin.PKI-DH");
  set((auth + "identity_ca").c_str(), file + "identity_ca.cert.pem");
  set((auth + "identity_certificate").c_str(), file + "cert.pem");
  set((auth + "private_key").c_str(), file + "key.pem");
  set("dds.sec.access.plugin", "builtin.Access-Permissions");
  set((access + "permissions_ca").c_str(), file + "permissions_ca.cert.pem");
  set((access + "governance").c_str(), file + "governance.p7s");
  set((access + "permissions").c_str(), file + "permissions.p7s");
  set("dds.sec.crypto.plugin", "builtin.AES-GCM-GMAC");
}

template <class Q> static void set_qos(Q& q, const std::string& rel, const std::string& dur, int depth, const std::string& user) {
  q.reliability().kind = rel == "reliable" ? RELIABLE_RELIABILITY_QOS : BEST_EFFORT_RELIABILITY_QOS;
  q.durability().kind = dur == "transient_local" ? TRANSIENT_LOCAL_DURABILITY_QOS : VOLATILE_DURABILITY_QOS;
  q.history().kind = KEEP_LAST_HISTORY_QOS;
  q.history().depth = depth;
  q.endpoint().history_memory_policy = eprosima::fastrtps::rtps::PREALLOCATED_WITH_REALLOC_MEMORY_MODE;
  if (user != "-") q.user_data().data_vec(std::vector<eprosima::fastrtps::rtps::octet>(user.begin(), user.end()));
}

int main(int argc, char** argv) {
  int domain = argc > 1 ? std::stoi(argv[1]) : 0;
  DomainParticipantQos pq;
  DomainParticipantFactory::get_instance()->get_default_participant_qos(pq);
  pq.transport().use_builtin_transports = false;
  auto udp = std::make_shared<eprosima::fastdds::rtps::UDPv4TransportDescriptor>();
  pq.transport().user_transports.push_back(udp);
  std::string only;
  auto& discovery = pq.wire_protocol().builtin.discovery_config;
  for (int i = 2; i < argc; i++) {
    std::string arg = argv[i], key = arg.substr(0, arg.find('=')), value = arg.substr(arg.find('=') + 1);
    if (key == "address") {
      udp->interfaceWhiteList.push_back(value);
    } else if (key == "only") {
      only = value;
    } else if (key == "lease") {
      discovery.leaseDuration = eprosima::fastrtps::Duration_t(std::stoi(value) / 1000.0L);
      discovery.leaseDuration_announcementperiod = eprosima::fastrtps::Duration_t(std::stoi(value) / 3000.0L);
    } else if (key == "enclave") {
      secure(pq, value);
    } else {
      say("error cannot understand " + arg);
      return 1;
    }
  }
  auto look = [&](const std::string& address, int index) {
    eprosima::fastrtps::rtps::Locator_t l;
    eprosima::fastrtps::rtps::IPLocator::setIPv4(l, address);
    l.kind = LOCATOR_KIND_UDPv4;
    l.port = 7410 + 250 * domain + 2 * index;
    pq.wire_protocol().builtin.initialPeersList.push_back(l);
  };
  if (!only.empty()) look(only, 0);
  if (udp->interfaceWhiteList.empty()) {
    udp->interfaceWhiteList.push_back("127.0.0.1");
    for (int i = 0; i < 20; i++) look("127.0.0.1", i);
  }
  std::string enclave = std::string("enclave=/;") + '\0';
  pq.user_data().data_vec(std::vector<eprosima::fastrtps::rtps::octet>(enclave.begin(), enclave.end()));
  Finder finder;
  auto* participant = DomainParticipantFactory::get_instance()->create_participant(domain, pq, &finder, StatusMask::none());
  if (participant == nullptr) { say("error cannot join"); return 1; }
  auto* pub = participant->create_publisher(PUBLISHER_QOS_DEFAULT);
  auto* sub = participant->create_subscriber(SUBSCRIBER_QOS_DEFAULT);
  std::map<std::string, DataWriter*> writers;
  std::map<std::string, DataReader*> readers;
  std::vector<std::unique_ptr<Printer>> printers;
  say("guid " + hex(participant->guid()));

  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream in(line);
    std::string op, name, type, rel, dur, user;
    int depth = 1;
    in >> op >> name;
    if (op == "quit") break;
    if (op == "pub" || op == "sub") {
      in >> type >> rel >> dur >> depth >> user;
      TypeSupport(new Raw(type)).register_type(participant);
      auto* topic = dynamic_cast<Topic*>(participant->lookup_topicdescription(name));
      if (topic == nullptr) topic = participant->create_topic(name, type, TOPIC_QOS_DEFAULT);
      if (topic == nullptr) { say("error cannot create topic " + name); continue; }
      if (op == "pub") {
        DataWriterQos q = DATAWRITER_QOS_DEFAULT;
        set_qos(q, rel, dur, depth, user);
        auto* w = pub->create_datawriter(topic, q);
        if (w == nullptr) { say("error cannot create writer " + name); continue; }
        writers[name] = w;
        say("ok " + hex(w->guid()));
      } else {
        DataReaderQos q = DATAREADER_QOS_DEFAULT;
        set_qos(q, rel, dur, depth, user);
        printers.push_back(std::make_unique<Printer>(name));
        auto* r = sub->create_datareader(topic, q, printers.back().get());
        if (r == nullptr) { say("error cannot create reader " + name); continue; }
        readers[name] = r;
        say("ok " + hex(r->guid()));
      }
    } else if (op == "write" && writers.count(name)) {
      std::string data;
      in >> data;
      Bytes b = unhex(data);
      if (!writers[name]->write(&b)) say("error cannot write " + name);
    } else if (op == "close" && writers.count(name)) {
      pub->delete_datawriter(writers[name]);
      writers.erase(name);
    } else {
      say("error cannot " + line);
    }
  }
  participant->delete_contained_entities();
  DomainParticipantFactory::get_instance()->delete_participant(participant);
  return 0;
}
